/* SPDX-License-Identifier: Apache-2.0 */
/* pairing: instances of two jobs with a matrix go together where they agree in the keys that both
 * have. For the keys of the one, the instances of the other are sorted by their values once, and
 * then looked up, so that it costs no more than the answer is long. */
#include "jobs/expand/pairing.h"

#include <search.h>

/* Kinds of instances that a group may have by which of the keys they have: each is looked up. */
#define KINDS_MAX 64

struct pairing_entry {
    const char *values; /* see add_values */
    size_t job;
};
/* The instances of a group, by the values of these keys. */
struct pairing {
    size_t group;
    const char *keys; /* "CC,SAN,": of those that pair with it */
    uint32_t kinds[KINDS_MAX];
    size_t n_kinds;
    struct pairing_entry *entries; /* sorted */
    size_t n;
};

static int compare_pairings(const void *a, const void *b)
{
    const struct pairing *x = a, *y = b;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return strcmp(x->keys, y->keys);
}

static int compare_entries(const void *a, const void *b)
{
    const struct pairing_entry *x = a, *y = b;
    int r = strcmp(x->values, y->values);

    if (r != 0)
        return r;
    return x->job < y->job ? -1 : x->job > y->job;
}

static size_t name_length(const char *pair)
{
    return strcspn(pair, "=");
}

/* Whether instances go together by the key of a pair: which shard one is says nothing of another.
 */
static bool pairs_by(const char *pair)
{
    return !str_starts(pair, SHARDS_KEY "=");
}

/* Returns the value that an instance has for the key of a pair "KEY=VALUE", or NULL. */
static const char *value_for(const struct jobs_job *job, const char *pair)
{
    size_t n = name_length(pair) + 1;

    for (const char *const *p = job->matrix; p != NULL && *p != NULL; p++)
        if (strncmp(*p, pair, n) == 0)
            return *p + n;
    return NULL;
}

/* Which of the keys of `of` the job has, as bits. */
static uint32_t kind_of(const struct jobs_job *job, const struct jobs_job *of)
{
    uint32_t kind = 0;

    for (size_t i = 0; of->matrix != NULL && of->matrix[i] != NULL; i++)
        if (pairs_by(of->matrix[i]))
            kind |= value_for(job, of->matrix[i]) != NULL ? UINT32_C(1) << i : 0;
    return kind;
}

/* Adds the job's values for the keys of `of` that the kind has, so that no two lists are written
 * alike. */
static void add_values(struct strbuf *b, const struct jobs_job *job, const struct jobs_job *of,
                       uint32_t kind)
{
    strbuf_addf(b, "%x;", kind);
    for (size_t i = 0; of->matrix != NULL && of->matrix[i] != NULL; i++)
        if (((kind >> i) & 1u) != 0) {
            const char *value = value_for(job, of->matrix[i]);

            strbuf_addf(b, "%zu:%s,", strlen(value), value);
        }
}

static bool add_kind(struct pairing *p, uint32_t kind)
{
    for (size_t i = 0; i < p->n_kinds; i++)
        if (p->kinds[i] == kind)
            return true;
    if (p->n_kinds == KINDS_MAX)
        return false;
    p->kinds[p->n_kinds++] = kind;
    return true;
}

static bool sort_group(struct loader *l, struct pairing *p, const struct node *at,
                       const struct jobs_job *of)
{
    const struct jobs_group *g = &l->plan->groups[p->group];

    if (!budget_charge(l, at, g->n))
        return false;
    p->entries = arena_alloc(l->tree, g->n * sizeof(*p->entries));
    p->n = g->n;
    for (size_t i = 0; i < g->n; i++) {
        const struct jobs_job *job = &l->plan->jobs[g->first + i];
        cleanup_strbuf struct strbuf b = {0};
        uint32_t kind = kind_of(job, of);

        if (!add_kind(p, kind)) {
            problem_at(l, at, "the instances of '%s' have too many different sets of keys",
                       g->name);
            return false;
        }
        add_values(&b, job, of, kind);
        p->entries[i] = (struct pairing_entry){arena_strndup(l->tree, b.data, b.len), g->first + i};
    }
    qsort(p->entries, p->n, sizeof(*p->entries), compare_entries);
    return true;
}

static struct pairing *pairing_of(struct loader *l, struct pairings *p, const struct node *at,
                                  const struct jobs_job *of, size_t group)
{
    cleanup_strbuf struct strbuf keys = {0};
    struct pairing wanted = {.group = group}, *made, **found;

    strbuf_add(&keys, "", 0);
    for (size_t i = 0; of->matrix != NULL && of->matrix[i] != NULL; i++)
        if (pairs_by(of->matrix[i]))
            strbuf_addf(&keys, "%.*s,", (int)name_length(of->matrix[i]), of->matrix[i]);
    wanted.keys = keys.data;
    found = (struct pairing **)tfind(&wanted, &p->known, compare_pairings);
    if (found != NULL)
        return *found;
    made = arena_alloc(l->tree, sizeof(*made));
    made->group = group;
    made->keys = arena_strndup(l->tree, keys.data, keys.len);
    if (!sort_group(l, made, at, of))
        return NULL;
    (void)tsearch(made, &p->known, compare_pairings);
    return made;
}

static void add_match(struct pairings *p, size_t *n, size_t job)
{
    if (*n == p->room) {
        p->room = p->room != 0 ? 2 * p->room : 16;
        p->jobs = xrealloc(p->jobs, p->room * sizeof(*p->jobs));
    }
    p->jobs[(*n)++] = job;
}

/* Adds the entries with these values, by bisection to the first. */
static void look_up(const struct pairing *of, const char *values, struct pairings *p, size_t *n)
{
    size_t low = 0, high = of->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(of->entries[middle].values, values) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < of->n && str_eq(of->entries[low].values, values); low++)
        add_match(p, n, of->entries[low].job);
}

bool pairings_find(struct loader *l, struct pairings *p, const struct node *at, size_t job,
                   size_t group, struct pairing_matches *ret)
{
    const struct jobs_job *of = &l->plan->jobs[job];
    const struct pairing *pairing = pairing_of(l, p, at, of, group);
    size_t n = 0;

    if (pairing == NULL)
        return false;
    for (size_t i = 0; i < pairing->n_kinds; i++) {
        cleanup_strbuf struct strbuf values = {0};

        add_values(&values, of, of, pairing->kinds[i]);
        look_up(pairing, values.data, p, &n);
    }
    *ret = (struct pairing_matches){.jobs = p->jobs, .n = n};
    return true;
}

static void pairing_forget(void *pairing)
{
    (void)pairing; /* which lives in the arena */
}

void pairings_free(struct pairings *p)
{
    tdestroy(p->known, pairing_forget);
    free(p->jobs);
    *p = (struct pairings){0};
}
