/* SPDX-License-Identifier: Apache-2.0 */
/* language_limits: what a case's limits are in a language that is slower, or takes more memory,
 * than the one that they are meant for. What is no such limit is left as it is, and what is wrong
 * with one is said when it is read. */
#include "jobs/expand/submission_languages.h"
#include "jobs/expand/templates.h"

/* The limits that a language changes. */
static const struct changed_limit {
    const char *key;
    bool is_memory;
} changed_limits[] = {{"cpu-time", false}, {"wall", false}, {"memory", true}};

static struct node *copy_of(const struct languages *t, const struct node *n)
{
    struct node *copy = arena_alloc(t->l->tree, sizeof(*copy));

    *copy = *n;
    copy->next = NULL;
    return copy;
}

/* value * factor + allowance, or more than every limit where that is too much to be counted. */
static uint64_t changed(uint64_t value, uint64_t thousandths, uint64_t allowance)
{
    uint64_t whole, rest = value % 1000 * thousandths / 1000, sum;

    if (__builtin_mul_overflow(value / 1000, thousandths, &whole) ||
        __builtin_add_overflow(whole, rest, &sum) || __builtin_add_overflow(sum, allowance, &sum))
        return UINT64_MAX / 2;
    return sum;
}

static struct node *change_value(const struct languages *t, const struct submission_language *of,
                                 const struct changed_limit *limit, const struct node *v)
{
    struct node *copy = copy_of(t, v), **link = &copy->first;
    char buf[UNIT_TEXT_SIZE];
    uint64_t n = 0;

    if (v->kind == NODE_MAP) /* what it is judged by, and what ends it */
        for (const struct node *one = v->first; one != NULL; one = one->next) {
            *link = change_value(t, of, limit, one);
            link = &(*link)->next;
        }
    if (v->kind != NODE_SCALAR ||
        (limit->is_memory ? unit_parse_size : unit_parse_duration)(v->text, &n) < 0)
        return copy;
    if (limit->is_memory)
        n = changed(n, of->memory_factor, of->memory_allowance);
    else
        n = changed(n, of->time_factor, of->time_allowance);
    copy->text = limit->is_memory ? arena_printf(t->l->plan->arena, "%llu", (unsigned long long)n)
                                  : arena_strdup(t->l->plan->arena, unit_spell_duration(n, buf));
    copy->n = strlen(copy->text);
    return copy;
}

static const struct changed_limit *limit_of(const struct node *v)
{
    for (size_t i = 0; i < ARRAY_SIZE(changed_limits); i++)
        if (str_eq(changed_limits[i].key, v->key->text))
            return &changed_limits[i];
    return NULL;
}

static bool changes_nothing(const struct submission_language *of)
{
    return of->time_factor == 1000 && of->memory_factor == 1000 && of->time_allowance == 0 &&
           of->memory_allowance == 0;
}

/* The map with those of its limits changed. */
static struct node *change_limits(const struct languages *t, const struct submission_language *of,
                                  const struct node *map)
{
    struct node *copy = copy_of(t, map), **link = &copy->first;

    if (map->kind != NODE_MAP)
        return copy;
    copy->shared = false;
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        const struct changed_limit *limit = limit_of(v);

        *link = limit != NULL ? change_value(t, of, limit, v) : copy_of(t, v);
        link = &(*link)->next;
    }
    *link = NULL;
    return copy;
}

static void add_child(const struct languages *t, struct node *map, const struct node *v)
{
    struct node **link = &map->first;

    while (*link != NULL)
        link = &(*link)->next;
    *link = copy_of(t, v);
    map->n++;
}

/* What a job says, and of what a language changes what `defaults` say where the job does not. */
static struct node *with_defaults(const struct languages *t, struct node *base)
{
    const struct node *below = t->defaults != NULL ? node_child(t->defaults, "limits") : NULL;
    struct node *map;

    if (below == NULL || below->kind != NODE_MAP || (base != NULL && base->kind != NODE_MAP))
        return base;
    map = copy_of(t, base != NULL ? base : below);
    map->first = NULL;
    map->n = 0;
    for (const struct node *v = base != NULL ? base->first : NULL; v != NULL; v = v->next)
        add_child(t, map, v);
    for (const struct node *v = below->first; v != NULL; v = v->next)
        if (limit_of(v) != NULL && node_child(map, v->key->text) == NULL)
            add_child(t, map, v);
    return map->n > 0 ? map : base;
}

/* The job's own, changed: mostly what was made for the case before. */
static struct node *changed_base(struct languages *t, const struct submission_language *of,
                                 struct node *base)
{
    struct node *whole;

    if (t->limits != NULL && t->limits_of == of && t->limits_from == base)
        return t->limits;
    whole = with_defaults(t, base);
    t->limits_of = of;
    t->limits_from = base;
    t->limits = whole != NULL ? change_limits(t, of, whole) : NULL;
    return t->limits;
}

struct node *languages_limits(struct languages *t, const struct submission_language *of,
                              struct node *own, struct node *base)
{
    const struct key *k = key_find(&keys_case, "limits");

    if (!changes_nothing(of)) {
        base = changed_base(t, of, base);
        own = own != NULL ? change_limits(t, of, own) : NULL;
    }
    if (own != NULL && base != NULL)
        return templates_lay(t->r, k, own, base);
    return own != NULL ? copy_of(t, own) : base != NULL ? copy_of(t, base) : NULL;
}
