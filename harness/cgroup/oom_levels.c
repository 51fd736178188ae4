/* SPDX-License-Identifier: Apache-2.0 */
/* oom_levels: see oom_levels.h. */
#include "harness/cgroup/oom_levels.h"

int oom_levels_find(const uint64_t *told, uint64_t *own, size_t n)
{
    int found = -1;

    for (size_t i = 0; i < n; i++) {
        uint64_t outer = i + 1 < n ? told[i + 1] : 0;

        if (told[i] <= outer || told[i] - outer <= own[i])
            continue;
        own[i] = told[i] - outer;
        found = (int)i;
    }
    return found;
}
