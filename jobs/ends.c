/* SPDX-License-Identifier: Apache-2.0 */
/* ends: how a job may end, where a key names such ends by verdict or exit code: `allow-failure` and
 * `retry-on`. Not responsible for recognising them (attempt/verdict.c). */
#include "jobs/load.h"

void key_set_allow_failure(struct loader *l, const struct key *k, const struct node *value,
                           void *object)
{
    struct draft *d = object;
    struct jobs_ends allowed = {0};
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

static bool read_exit(struct loader *l, const struct node *n, const struct key *k, uint64_t max,
                      struct jobs_ends *ends)
{
    uint64_t code;

    if (!value_integer(l, n, k->name, 0, max, &code))
        return false;
    ends->exits[code / 64] |= UINT64_C(1) << (code % 64);
    return true;
}

void key_set_allowed_exits(struct loader *l, const struct key *k, const struct node *value,
                           void *object)
{
    if (items_count(value) == 0)
        problem_at(l, value, "'%s' is an empty list", k->name);
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        (void)read_exit(l, item, k, k->max, object);
}

/* The words of `retry-on`: first the kinds, then the verdicts that are no kind. */
static const struct choice retry_words[] = {
    {"failure", true},
    {"timeout", true},
    {"error", true},
    {"failed", true},
    {"signaled", true},
    {"cpu-limit", true},
    {"memory-limit", true},
    {"pids-limit", true},
    {"disk-limit", true},
    {"output-limit", true},
    {0},
};
static const enum jobs_bad_end retry_ends[] = {
    JOBS_END_FAILED,     JOBS_END_SIGNALED,   JOBS_END_CPU_LIMIT,    JOBS_END_MEMORY_LIMIT,
    JOBS_END_PIDS_LIMIT, JOBS_END_DISK_LIMIT, JOBS_END_OUTPUT_LIMIT,
};

/* What `defaults` gave is replaced. */
void key_set_retry_on(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    const struct key words = {.name = k->name, .value = k->value, .choices = retry_words};
    uint32_t kinds = 0;
    struct jobs_ends ends = {0};
    size_t index;

    if (items_count(value) == 0)
        problem_at(l, value, "'%s' is an empty list", k->name);
    for (const struct node *item = items_first(value); item != NULL;
         item = items_next(value, item)) {
        if (item->kind == NODE_SCALAR && item->text[0] >= '0' && item->text[0] <= '9')
            (void)read_exit(l, item, k, 255, &ends);
        else if (!value_choice(l, item, &words, &index))
            continue;
        else if (index < JOBS_RETRY_COUNT)
            kinds |= 1u << index;
        else
            ends.verdicts |= 1u << retry_ends[index - JOBS_RETRY_COUNT];
    }
    d->job.retry_on = kinds;
    d->job.retry_ends = ends;
}
