/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/render: limits that both versions write in the same words; which file they go into is the
 * tables' matter (v1.c, v2.c). */
#include "harness/cgroup/cgroup_private.h"

#include <inttypes.h>

bool render_memory(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    if (l->memory_bytes == UINT64_MAX)
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%" PRIu64, l->memory_bytes);
    return true;
}

bool render_pids(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    if (l->pids == UINT64_MAX)
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%" PRIu64, l->pids);
    return true;
}

bool render_cpus(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    if (l->cpus == NULL)
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%s", l->cpus);
    return true;
}

bool render_mems(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    if (l->cpus == NULL || l->mems == NULL)
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%s", l->mems);
    return true;
}
