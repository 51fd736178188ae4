/* SPDX-License-Identifier: Apache-2.0 */
/* weaken: see weaken.h. */
#include "base/weaken.h"

#ifdef CUPEL_FAULT_INJECTION
#include <stdlib.h>
#include <string.h>

bool weakened(const char *wall)
{
    const char *list = getenv("CUPEL_WEAKEN");
    size_t n = strlen(wall);

    while (list != NULL && *list != '\0') {
        size_t word = strcspn(list, ",");

        if (word == n && strncmp(list, wall, n) == 0)
            return true;
        list += word + (list[word] == ',');
    }
    return false;
}

bool fault_wanted(const char *step)
{
    const char *wanted = getenv("CUPEL_FAULT");

    return wanted != NULL && strcmp(wanted, step) == 0;
}
#endif
