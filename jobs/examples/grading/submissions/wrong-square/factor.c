/* Stops one too early: squares of primes come out as primes. */
#include <stdio.h>

int main(void)
{
    long long n;
    scanf("%lld", &n);
    for (long long i = 2; i * i < n; i++)
        if (n % i == 0) {
            printf("%lld %lld\n", i, n / i);
            return 0;
        }
    puts("prime");
}
