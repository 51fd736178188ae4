/* snapshot_needs: see snapshot_needs.h. */
#include "harness/supervisor/snapshot_needs.h"

struct bases {
    const struct instance *instances;
    size_t *starters; /* by instance: how many that have not ended start from it, directly or not */
    size_t *unneeded;
    size_t n_unneeded;
};

struct bases *bases_new(const struct instance *instances, size_t n)
{
    struct bases *b = xcalloc(1, sizeof(*b));

    *b = (struct bases){.instances = instances,
                        .starters = xcalloc(n, sizeof(*b->starters)),
                        .unneeded = xcalloc(n, sizeof(*b->unneeded))};
    for (size_t i = 0; i < n; i++)
        for (size_t k = instances[i].from; k != INSTANCE_NONE; k = instances[k].from)
            b->starters[k]++;
    return b;
}

void bases_free(struct bases *b)
{
    if (b == NULL)
        return;
    free(b->starters);
    free(b->unneeded);
    free(b);
}

void bases_ended(struct bases *b, size_t instance)
{
    for (size_t i = b->instances[instance].from; i != INSTANCE_NONE; i = b->instances[i].from)
        if (--b->starters[i] == 0)
            b->unneeded[b->n_unneeded++] = i;
}

bool bases_unneeded(const struct bases *b, size_t i, size_t *ret_instance)
{
    if (i >= b->n_unneeded)
        return false;
    *ret_instance = b->unneeded[i];
    return true;
}

size_t bases_count_unneeded(const struct bases *b)
{
    return b->n_unneeded;
}
