#include <stdio.h>

int main(void)
{
    long long n;
    scanf("%lld", &n);
    for (volatile long long i = 0; i < n; i++)
        if (n % i == 0)
            printf("%lld %lld\n", (long long)i, n / i);
}
