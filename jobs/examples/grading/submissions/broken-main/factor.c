#include <stdio.h>

int solve(void)
{
    puts("prime");
    return 0;
}
