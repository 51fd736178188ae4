/* Forgets to count. */
#include <stdio.h>

int main(void)
{
    long long n, i = 2;
    scanf("%lld", &n);
    while (n % i != 0 || i == n)
        if (i * i > n)
            i = 2;
        else if (n % (i + 1) == 0)
            i++;
    printf("%lld %lld\n", i, n / i);
}
