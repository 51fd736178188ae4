/* SPDX-License-Identifier: Apache-2.0 */
/* shards: `parallel: N` makes N instances of a job, or of each that its matrix makes. Each is told
 * which one it is, by the names that GitLab's runners and Bazel's test runners have for it. Not
 * responsible for who does what: that is the job's to divide. */
#include "jobs/expand/shards.h"

#define SHARD_WORDS "a whole number from 1 to 1000"

enum { SHARD_INDEX, SHARD_TOTAL, SHARD_INDEX_FROM_ZERO, SHARD_TOTAL_OF_TESTS };
static const struct node shard_keys[COMBINATION_SHARDS] = {
    [SHARD_INDEX] = {.kind = NODE_SCALAR, .text = SHARDS_KEY, .n = sizeof(SHARDS_KEY) - 1},
    [SHARD_TOTAL] = {.kind = NODE_SCALAR, .text = "CI_NODE_TOTAL", .n = 13},
    [SHARD_INDEX_FROM_ZERO] = {.kind = NODE_SCALAR, .text = "TEST_SHARD_INDEX", .n = 16},
    [SHARD_TOTAL_OF_TESTS] = {.kind = NODE_SCALAR, .text = "TEST_TOTAL_SHARDS", .n = 17},
};

static struct matrix_value shard_value(struct loader *l, const struct node *at, size_t number)
{
    const char *text = arena_printf(l->plan->arena, "%zu", number);
    struct node *n = node_new_text(l->tree, text, at->place);

    return (struct matrix_value){.node = n,
                                 .word = n->text,
                                 .pair = arena_printf(l->plan->arena, SHARDS_KEY "=%s", n->text)};
}

bool shards_read(struct loader *l, const struct node *value, struct shards *s)
{
    uint64_t n;

    *s = (struct shards){0};
    if (value->kind == NODE_MAP) {
        problem_at(l, value,
                   "'parallel' must be " SHARD_WORDS "; a 'matrix' stands in the job itself");
        return false;
    }
    if (value->kind != NODE_SCALAR)
        return value_unexpected(l, value, "parallel", SHARD_WORDS);
    if (!value_integer(l, value, "parallel", 1, SHARDS_MAX, &n))
        return false;
    s->n = (size_t)n;
    s->from_one = arena_alloc(l->tree, s->n * sizeof(*s->from_one));
    s->from_zero = arena_alloc(l->tree, s->n * sizeof(*s->from_zero));
    s->total = shard_value(l, value, s->n);
    for (size_t i = 0; i < s->n; i++) {
        s->from_one[i] = shard_value(l, value, i + 1);
        s->from_zero[i] = shard_value(l, value, i);
    }
    return true;
}

void shards_add(const struct shards *s, size_t i, struct combination *c)
{
    const struct matrix_value *values[COMBINATION_SHARDS] = {
        [SHARD_INDEX] = &s->from_one[i],
        [SHARD_TOTAL] = &s->total,
        [SHARD_INDEX_FROM_ZERO] = &s->from_zero[i],
        [SHARD_TOTAL_OF_TESTS] = &s->total,
    };

    for (size_t k = 0; k < COMBINATION_SHARDS; k++) {
        c->key[c->n] = &shard_keys[k];
        c->value[c->n++] = values[k];
    }
    c->n_named++; /* the first of them */
}

bool shards_have(const char *name)
{
    for (size_t k = 0; k < COMBINATION_SHARDS; k++)
        if (str_eq(shard_keys[k].text, name))
            return true;
    return false;
}
