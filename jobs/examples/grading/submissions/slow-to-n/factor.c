/* Looks at all numbers up to n: fast enough for the small ones. */
#include <stdio.h>

int main(void)
{
    long long n;
    scanf("%lld", &n);
    for (volatile long long i = 2; i < n; i++)
        if (n % i == 0) {
            printf("%lld %lld\n", i, n / i);
            return 0;
        }
    puts("prime");
}
