#include "read.h"

int main(void)
{
    long long n = read_number();
    long long i = 2;
    while (i * i <= n && n % i)
        i++;
    if (i * i <= n)
        printf("  %lld   %lld", i, n / i); /* white space is up to us */
    else
        printf("prime");
    return 0;
}
