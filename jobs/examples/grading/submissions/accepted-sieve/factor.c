/* Divides by primes alone, of which there are 78,498 up to a million. */
#include <stdio.h>

static char composite[1000001];

int main(void)
{
    long long n;
    scanf("%lld", &n);
    for (long long i = 2; i <= 1000000; i++) {
        if (composite[i])
            continue;
        if (i * i > n)
            break;
        if (n % i == 0) {
            printf("%lld %lld\n", i, n / i);
            return 0;
        }
        for (long long j = i * i; j <= 1000000; j += i)
            composite[j] = 1;
    }
    puts("prime");
}
