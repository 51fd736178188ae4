/* SPDX-License-Identifier: Apache-2.0 */
/* writes FILE: writes to a file that the host never gets. writes --eat: takes more memory than the
 * test may have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP ((size_t)1 << 20)

int main(int argc, char **argv)
{
    FILE *f;

    if (argc != 2)
        return 2;
    while (strcmp(argv[1], "--eat") == 0) {
        char *p = malloc(STEP);

        if (p == NULL)
            return 1;
        memset(p, 1, STEP);
    }
    f = fopen(argv[1], "we");
    return f == NULL || fputs("written\n", f) < 0 || fclose(f) != 0;
}
