/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_needs: see snapshot_needs.h. */
#include "harness/supervisor/snapshot_needs.h"

#include "harness/run/instances.h"

struct snapshot_needs {
    const struct instance *instances;
    size_t n;
    /* by instance: how many that have not ended are made of its files, directly or not */
    size_t *starters;
    size_t *unneeded;
    size_t n_unneeded;
};

struct snapshot_needs *snapshot_needs_new(const struct instance *instances, size_t n)
{
    struct snapshot_needs *b = xcalloc(1, sizeof(*b));
    size_t reads[JOBS_READS_MAX];

    *b = (struct snapshot_needs){.instances = instances,
                                 .n = n,
                                 .starters = xcalloc(n, sizeof(*b->starters)),
                                 .unneeded = xcalloc(n, sizeof(*b->unneeded))};
    for (size_t i = 0; i < n; i++)
        for (size_t k = instances_read(instances, n, i, reads); k > 0; k--)
            b->starters[reads[k - 1]]++;
    return b;
}

void snapshot_needs_free(struct snapshot_needs *b)
{
    if (b == NULL)
        return;
    free(b->starters);
    free(b->unneeded);
    free(b);
}

void snapshot_needs_ended(struct snapshot_needs *b, size_t instance)
{
    size_t reads[JOBS_READS_MAX];
    size_t n = instances_read(b->instances, b->n, instance, reads);

    for (size_t k = 0; k < n; k++)
        if (--b->starters[reads[k]] == 0)
            b->unneeded[b->n_unneeded++] = reads[k];
}

bool snapshot_needs_unneeded(const struct snapshot_needs *b, size_t i, size_t *ret_instance)
{
    if (i >= b->n_unneeded)
        return false;
    *ret_instance = b->unneeded[i];
    return true;
}

size_t snapshot_needs_count_unneeded(const struct snapshot_needs *b)
{
    return b->n_unneeded;
}
