/* Is right as long as the number fits into an int. */
#include <stdio.h>

int main(void)
{
    int n;
    scanf("%d", &n);
    for (int i = 2; i <= n / i; i++)
        if (n % i == 0) {
            printf("%d %d\n", i, n / i);
            return 0;
        }
    puts("prime");
}
