#include <assert.h>
#include <stdio.h>

int main(void)
{
    long long n;
    scanf("%lld", &n);
    assert(n % 2 == 0);
    printf("2 %lld\n", n / 2);
}
