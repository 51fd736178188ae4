#include <stdio.h>

int main(void)
{
    long long n;
    scanf("%lld", &n);
    printf("%lld %lld\n", smallest(n), n / smallest(n));
    return rest;
}
