/* SPDX-License-Identifier: Apache-2.0 */
/* allowed: `allow-failure`: which ends of a job do not make the run fail. Not responsible for
 * recognising them (attempt/verdict.c). */
#include "jobs/load.h"

void key_set_allow_failure(struct loader *l, const struct key *k, const struct node *value,
                           void *object)
{
    struct draft *d = object;
    struct jobs_allowed allowed = {0};
    bool all = false;

    if (value->kind == NODE_MAP) {
        (void)keys_apply(l, k->sub, value, &allowed);
        if (value->n == 0)
            problem_at(l, value, "'%s' is an empty map", k->name);
    } else if (value_bool(l, value, k->name, &all) && all) {
        allowed.verdicts = (1u << JOBS_END_COUNT) - 1;
    }
    d->job.allowed = allowed;
}

void key_set_allowed_exits(struct loader *l, const struct key *k, const struct node *value,
                           void *object)
{
    struct jobs_allowed *allowed = object;
    uint64_t code;

    if (items_count(value) == 0)
        problem_at(l, value, "'%s' is an empty list", k->name);
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        if (value_integer(l, item, k->name, k->min, k->max, &code))
            allowed->exits[code / 64] |= UINT64_C(1) << (code % 64);
}
