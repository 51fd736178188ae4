/* Keeps all numbers up to n. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    long long n, *all = NULL, size = 0;
    scanf("%lld", &n);
    for (long long i = 2; i < n; i++) {
        if (i >= size) {
            size = 2 * i;
            all = realloc(all, size * sizeof(*all));
        }
        all[i] = i;
    }
    for (long long i = 2; i < n; i++)
        if (n % all[i] == 0) {
            printf("%lld %lld\n", i, n / i);
            return 0;
        }
    puts("prime");
}
