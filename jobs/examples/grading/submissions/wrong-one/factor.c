/* One is no factor that counts. */
#include <stdio.h>

int main(void)
{
    long long n;
    scanf("%lld", &n);
    printf("1 %lld\n", n);
}
