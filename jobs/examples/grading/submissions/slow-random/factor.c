/* Guesses. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    long long n;
    scanf("%lld", &n);
    for (;;) {
        long long i = 2 + rand() % (n - 1);
        if (n % i == 0 && i < n) {
            printf("%lld %lld\n", i, n / i);
            return 0;
        }
    }
}
