#include <stdio.h>

int main(void)
{
    long long n;
    if (scanf("%lld", &n) != 1)
        return 1;
    for (long long i = 2; i * i <= n; i++)
        if (n % i == 0) {
            printf("%lld %lld\n", i, n / i);
            return 0;
        }
    puts("prime");
    return 0;
}
