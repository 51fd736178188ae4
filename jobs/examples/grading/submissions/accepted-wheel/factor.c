#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void found(uint64_t a, uint64_t b)
{
    printf("%" PRIu64 "\n%" PRIu64 "\n", a, b);
    exit(0);
}

int main(void)
{
    uint64_t n;
    if (scanf("%" SCNu64, &n) != 1)
        return 1;
    if (n % 2 == 0 && n > 2)
        found(2, n / 2);
    if (n % 3 == 0 && n > 3)
        found(n / 3, 3);
    for (uint64_t i = 5; i * i <= n; i += 6) {
        if (n % i == 0)
            found(i, n / i);
        if (n % (i + 2) == 0 && n > i + 2)
            found(i + 2, n / (i + 2));
    }
    puts("prime");
}
