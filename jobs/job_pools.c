/* SPDX-License-Identifier: Apache-2.0 */
/* job_pools: what jobs of a file share by name (`pools`), and what of it a job has for itself while
 * it runs (`exclusive`, `slots`). Not responsible for who gets it when
 * (harness/supervisor/schedule.c). */
#include "jobs/load.h"

/* Those of one job, while they are read. */
struct claims {
    struct jobs_claim *list;
    size_t n;
};

static struct jobs_pool *find_pool(const struct jobs_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_pools; i++)
        if (str_eq(plan->pools[i].name, name))
            return &plan->pools[i];
    return NULL;
}

/* Adds one that is not there yet; NULL after a problem at `at`. */
static struct jobs_pool *add_pool(struct loader *l, const struct node *at, const char *name)
{
    struct jobs_plan *plan = l->plan;
    struct jobs_pool *pool;

    if (!name_is_valid(name)) {
        problem_at(l, at, "'%s' is no name: letters, digits, '.', '_' and '-' only", name);
        return NULL;
    }
    if (plan->n_pools == JOBS_POOLS_MAX) {
        problem_at(l, at, "a file may have at most %d names for 'pools' and 'exclusive'",
                   JOBS_POOLS_MAX);
        return NULL;
    }
    if (plan->pools == NULL)
        plan->pools = arena_alloc(plan->arena, JOBS_POOLS_MAX * sizeof(*plan->pools));
    pool = &plan->pools[plan->n_pools++];
    *pool = (struct jobs_pool){.name = arena_strdup(plan->arena, name), .places = 1};
    return pool;
}

void key_set_pool(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_pool *pool = add_pool(l, value->key, value->key->text);
    uint64_t n;

    (void)object;
    if (pool == NULL)
        return;
    pool->line = (int)value->key->place.line;
    if (value_integer(l, value, k->name, k->min, k->max, &n))
        pool->places = (unsigned)n;
}

void pools_read(struct loader *l, const struct node *pools)
{
    if (l->host != NULL) /* else it is refused as a whole */
        (void)keys_apply(l, &keys_pools, pools, NULL);
    l->has_pools = true;
}

/* Reports a name that the file's `pools` do not have. */
static void unknown_pool(struct loader *l, const struct node *at)
{
    cleanup_free const char **names = xcalloc(l->plan->n_pools + 1, sizeof(*names));
    const char *near;

    for (size_t i = 0; i < l->plan->n_pools; i++)
        names[i] = l->plan->pools[i].name;
    near = l->has_pools ? str_nearest(at->text, names, l->plan->n_pools) : NULL;
    if (near != NULL)
        problem_at(l, at, "'pools' has no '%s'; did you mean '%s'?", at->text, near);
    else
        problem_at(l, at, "'pools' has no '%s'; write 'pools: {%s: 1}' at the top level", at->text,
                   name_is_valid(at->text) ? at->text : "NAME");
}

/* Puts it among the others in the order of the pools. */
static void add_claim(struct loader *l, struct claims *c, const struct node *at,
                      const struct jobs_pool *pool, struct jobs_claim claim)
{
    size_t number = (size_t)(pool - l->plan->pools), to = c->n;

    claim.pool = number;

    while (to > 0 && c->list[to - 1].pool > number)
        to--;
    if (to > 0 && c->list[to - 1].pool == number) {
        if (claim.whole)
            problem_at(l, at, "'exclusive' names '%s' twice", pool->name);
        c->list[to - 1] = claim; /* instead of what `defaults` say */
        return;
    }
    memmove(&c->list[to + 1], &c->list[to], (c->n++ - to) * sizeof(*c->list));
    c->list[to] = claim;
}

void key_set_claim(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    const struct jobs_pool *pool = find_pool(l->plan, value->key->text);
    uint64_t n;

    if (pool == NULL || !l->has_pools) /* another job may have named it, as a whole */
        unknown_pool(l, value->key);
    else if (!value_integer(l, value, k->name, k->min, k->max, &n))
        return;
    else if (n > pool->places)
        problem_at(l, value,
                   "'exclusive' wants %llu places of '%s', which has %u (line %d): the job could "
                   "never start; write at most %u",
                   (unsigned long long)n, pool->name, pool->places, pool->line, pool->places);
    else
        add_claim(l, object, value->key, pool, (struct jobs_claim){.places = (unsigned)n});
}

/* A name alone is all of it. */
static void claim_whole(struct loader *l, struct claims *c, const struct node *name)
{
    const struct jobs_pool *pool;

    if (!value_is_text(l, name, "exclusive", "names"))
        return;
    pool = find_pool(l->plan, name->text);
    if (pool == NULL && l->has_pools)
        unknown_pool(l, name);
    else if (pool == NULL)
        pool = add_pool(l, name, name->text);
    if (pool != NULL)
        add_claim(l, c, name, pool, (struct jobs_claim){.places = pool->places, .whole = true});
}

/* What `defaults` say as a map is laid below a job's own, and replaced as a whole else. */
static void keep_given(struct claims *c, const struct jobs_job *job)
{
    for (size_t i = 0; i < job->n_claims && !job->claims[i].whole; i++)
        c->list[c->n++] = job->claims[i];
}

void key_set_exclusive(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    size_t n = value->kind == NODE_MAP ? value->n : items_count(value);
    struct draft *d = object;
    struct claims c;

    if (l->host == NULL) {
        problem_at(l, value->key, "'%s' is for job files", k->name);
        return;
    }
    if (n > JOBS_CLAIMS_MAX) {
        problem_at(l, value, "'%s' has more than %d names", k->name, JOBS_CLAIMS_MAX);
        return;
    }
    c = (struct claims){
        .list = arena_alloc(l->plan->arena, (n + d->job.n_claims + 1) * sizeof(*c.list))};
    if (value->kind == NODE_MAP) {
        keep_given(&c, &d->job);
        (void)keys_apply(l, k->sub, value, &c);
    } else
        for (const struct node *item = items_first(value); item != NULL;
             item = items_next(value, item))
            claim_whole(l, &c, item);
    d->job.claims = c.list;
    d->job.n_claims = c.n;
}

void key_set_slots(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else
        key_set_integer(l, k, value, object);
}

/* Says that two files of a run mean one name differently. */
static int say_differs(const struct jobs_plan *plan, const struct jobs_pool *pool,
                       const struct jobs_plan *other, const struct jobs_pool *one,
                       struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "%s:%d: 'pools' says that '%s' has %u place%s, "
                          "and %s:%d that it has %u",
                          plan->file, pool->line, pool->name, pool->places,
                          pool->places == 1 ? "" : "s", other->file, one->line, one->places);
    cupel_error_hint(err, "files of one run share what they name: let both say the same, or call "
                          "one of them otherwise");
    return -EINVAL;
}

int jobs_pools_agree(struct jobs_plan *const *plans, size_t n, struct cupel_error *err)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < plans[i]->n_pools; k++)
            for (size_t j = 0; j < i; j++) {
                const struct jobs_pool *pool = &plans[i]->pools[k];
                const struct jobs_pool *one = find_pool(plans[j], pool->name);

                if (one != NULL && one->line != 0 && pool->line != 0 && one->places != pool->places)
                    return say_differs(plans[i], pool, plans[j], one, err);
            }
    return 0;
}
