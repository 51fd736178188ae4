#include <stdio.h>
#include <stdlib.h>

static long long read_number(void)
{
    char line[64];
    return fgets(line, sizeof(line), stdin) ? atoll(line) : 0;
}
