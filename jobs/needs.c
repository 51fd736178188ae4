/* SPDX-License-Identifier: Apache-2.0 */
/* needs: which job waits for which, by `needs` or by `from`; refuses cycles. Not responsible for
 * running anything in that order. */
#include "jobs/load.h"

static const char *job_name(const void *data, size_t i)
{
    return ((const struct jobs_job *)data)[i].name;
}

static void unknown_job(struct loader *l, const struct node *item, const char *key)
{
    /* looking for the nearest of very many names again and again would take for ever */
    const char *near =
        l->source.n_problems < 100 ? str_nearest(item->text, l->jobs.names, l->jobs.n) : NULL;

    problem_at(l, item, "'%s' names a job '%s' that does not exist%s%s%s", key, item->text,
               near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
               near != NULL ? "'?" : "");
}

void key_set_need_when(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct need_nodes *nodes = object;
    size_t index;

    if (value_choice(l, value, k, &index))
        nodes->when = (enum jobs_need)index;
}

void key_set_need_optional(struct loader *l, const struct key *k, const struct node *value,
                           void *object)
{
    struct need_nodes *nodes = object;

    (void)value_bool(l, value, k->name, &nodes->optional);
}

/* A name, or a map that has one; false when that cannot be told. */
static bool read_need(struct loader *l, const struct node *item, struct need_nodes *ret)
{
    *ret = (struct need_nodes){.job = item};
    if (item->kind == NODE_MAP) {
        ret->job = NULL;
        (void)keys_apply(l, &keys_need, item, ret);
    }
    return ret->job != NULL && value_is_text(l, ret->job, "needs", "names of jobs");
}

/* `last[need]` is the last job (counted from 1) that named it: how a name given twice is found. */
static void resolve_job(struct loader *l, size_t self, size_t *last)
{
    const struct draft *d = &l->drafts[self];
    struct jobs_job *job = &l->plan->jobs[self];
    size_t need;

    if (d->needs == NULL || !budget_charge(l, d->needs, items_count(d->needs)))
        return;
    /* and `from` */
    job->needs = arena_alloc(l->plan->arena, (items_count(d->needs) + 1) * sizeof(*job->needs));
    job->needs_when =
        arena_alloc(l->plan->arena, (items_count(d->needs) + 1) * sizeof(*job->needs_when));
    for (const struct node *item = items_first(d->needs); item != NULL;
         item = items_next(d->needs, item)) {
        struct need_nodes given;

        if (!read_need(l, item, &given))
            continue;
        if (!name_index_find(&l->jobs, given.job->text, &need)) {
            if (!given.optional)
                unknown_job(l, given.job, "needs");
        } else if (need == self) {
            /* a job that `defaults` makes every job need does not need itself */
            if (d->own_needs)
                problem_at(l, given.job, "job '%s' needs itself", given.job->text);
        } else if (last[need] == self + 1) {
            problem_at(l, given.job, "'needs' names '%s' twice", given.job->text);
        } else {
            last[need] = self + 1;
            job->needs_when[job->n_needs] = given.when;
            job->needs[job->n_needs++] = need;
        }
    }
}

/* A job that `defaults` makes every job start from starts from its own root. */
static void resolve_from(struct loader *l, size_t self, const size_t *last)
{
    const struct draft *d = &l->drafts[self];
    struct jobs_job *job = &l->plan->jobs[self];
    size_t from;

    if (d->from == NULL || !value_is_text(l, d->from, "from", "a job's name"))
        return;
    if (!name_index_find(&l->jobs, d->from->text, &from)) {
        unknown_job(l, d->from, "from");
        return;
    }
    if (from == self) {
        if (d->own_from)
            problem_at(l, d->from, "job '%s' starts from itself", d->from->text);
        return;
    }
    job->from = from;
    if (last[from] == self + 1) { /* needed already */
        for (size_t i = 0; i < job->n_needs; i++)
            if (job->needs[i] == from)
                job->needs_when[i] = JOBS_NEED_FILES;
        return;
    }
    if (job->needs == NULL) {
        job->needs = arena_alloc(l->plan->arena, sizeof(*job->needs));
        job->needs_when = arena_alloc(l->plan->arena, sizeof(*job->needs_when));
    }
    job->needs_when[job->n_needs] = JOBS_NEED_FILES;
    job->needs[job->n_needs++] = from;
}

/* ---- cycles ---- */

enum visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

/* The way from one job down its needs; a stack of our own, since a chain may be as long as the
 * file. */
struct needs_walk {
    size_t *path;
    size_t *next; /* which need of path[i] comes next */
    size_t depth;
    unsigned char *visit;
};

#define CYCLE_SHOWN 12

/* Where the job says that it needs the other. */
static const struct node *needs_place_of(const struct draft *d, const char *need)
{
    for (const struct node *i = d->needs != NULL ? items_first(d->needs) : NULL; i != NULL;
         i = items_next(d->needs, i)) {
        const struct node *name = i->kind == NODE_MAP ? node_child(i, "job") : i;

        if (name != NULL && name->kind == NODE_SCALAR && str_eq(name->text, need))
            return name;
    }
    return d->from;
}

static void report_cycle(struct loader *l, const struct needs_walk *w, size_t start)
{
    cleanup_strbuf struct strbuf names = {0};
    const struct jobs_job *jobs = l->plan->jobs;
    size_t first = 0, next;

    while (w->path[first] != start)
        first++;
    for (size_t i = first; i < w->depth; i++) {
        if (i - first == CYCLE_SHOWN) {
            strbuf_adds(&names, "... -> ");
            break;
        }
        strbuf_addf(&names, "%s -> ", jobs[w->path[i]].name);
    }
    next = first + 1 < w->depth ? w->path[first + 1] : start;
    problem_at(l, needs_place_of(&l->drafts[start], jobs[next].name), "'needs' form a cycle: %s%s",
               names.data, jobs[start].name);
}

static void needs_walk_from(struct loader *l, struct needs_walk *w, size_t start)
{
    w->path[0] = start;
    w->next[0] = 0;
    w->depth = 1;
    w->visit[start] = VISIT_OPEN;
    while (w->depth > 0) {
        size_t at = w->path[w->depth - 1];
        const struct jobs_job *job = &l->plan->jobs[at];
        size_t need;

        if (w->next[w->depth - 1] == job->n_needs) {
            w->visit[at] = VISIT_DONE;
            w->depth--;
            continue;
        }
        need = job->needs[w->next[w->depth - 1]++];
        if (w->visit[need] == VISIT_OPEN) {
            report_cycle(l, w, need);
        } else if (w->visit[need] == VISIT_NEW) {
            w->visit[need] = VISIT_OPEN;
            w->path[w->depth] = need;
            w->next[w->depth++] = 0;
        }
    }
}

static void refuse_cycles(struct loader *l)
{
    size_t n = l->plan->n_jobs;
    cleanup_free size_t *path = xcalloc(n, sizeof(*path));
    cleanup_free size_t *next = xcalloc(n, sizeof(*next));
    cleanup_free unsigned char *visit = xcalloc(n, 1);
    struct needs_walk w = {.path = path, .next = next, .visit = visit};

    for (size_t i = 0; i < n; i++)
        if (visit[i] == VISIT_NEW)
            needs_walk_from(l, &w, i);
}

void needs_resolve(struct loader *l)
{
    cleanup_free size_t *last = xcalloc(l->plan->n_jobs, sizeof(*last));

    name_index_build(&l->jobs, l->plan->n_jobs, job_name, l->plan->jobs);
    for (size_t i = 0; i < l->plan->n_jobs; i++) {
        resolve_job(l, i, last);
        resolve_from(l, i, last);
    }
    refuse_cycles(l);
}
