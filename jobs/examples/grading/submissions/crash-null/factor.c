#include <stdio.h>

int main(void)
{
    long long *n = NULL;
    scanf("%lld", n);
    printf("%lld\n", *n);
}
