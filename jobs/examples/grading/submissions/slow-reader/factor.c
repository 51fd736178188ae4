/* Waits for a second number, which never comes. */
#include <stdio.h>

int main(void)
{
    long long n, m;
    scanf("%lld", &n);
    while (scanf("%lld", &m) != 1)
        ;
    printf("%lld %lld\n", n, m);
}
