/* From the root downwards: finds other factors than the one above, which are as right. */
#include <stdio.h>

int main(void)
{
    unsigned long long n, root = 1;
    scanf("%llu", &n);
    while ((root + 1) * (root + 1) <= n)
        root++;
    for (; root > 1; root--)
        if (n % root == 0)
            break;
    if (root > 1)
        printf("%llu %llu\n", n / root, root);
    else
        printf("prime\n");
}
