/* SPDX-License-Identifier: Apache-2.0 */
/* needs: which job waits for which, by `needs` or by `from`; refuses cycles. Not responsible for
 * running anything in that order. */
#include "jobs/load.h"

#include "jobs/expand/pairing.h"

static const char *job_name(const void *data, size_t i)
{
    return ((const struct jobs_job *)data)[i].name;
}

/* Whether the name could be that of an instance of a job whose matrix is not known. */
static bool may_be_lost(struct loader *l, const char *name)
{
    size_t job;

    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        cleanup_free char *of = strndup(name, (size_t)(slash - name));

        if (of != NULL && name_index_find(&l->jobs, of, &job) && l->refs[job].lost)
            return true;
    }
    return false;
}

static void unknown_job(struct loader *l, const struct node *item, const char *key)
{
    const char *near;

    if (may_be_lost(l, item->text))
        return;
    /* looking for the nearest of very many names again and again would take for ever */
    near = l->source.n_problems < 100 ? str_nearest(item->text, l->jobs.names, l->jobs.n) : NULL;
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

/* What one job needs, while it is found out. */
struct need_list {
    size_t *items;
    enum jobs_need *when; /* of each of them */
    size_t n, room;
    /* the last job (counted from 1) that named each: how what is named twice is found */
    size_t *last;
    struct pairings *pairings;
};

static void need_add(struct need_list *list, size_t self, size_t need, enum jobs_need when)
{
    if (list->n == list->room) {
        list->room = list->room != 0 ? 2 * list->room : 16;
        list->items = xrealloc(list->items, list->room * sizeof(*list->items));
        list->when = xrealloc(list->when, list->room * sizeof(*list->when));
    }
    list->last[need] = self + 1;
    list->when[list->n] = when;
    list->items[list->n++] = need;
}

/* Adds those instances of a group that go with the job. */
static void need_group(struct loader *l, size_t self, const struct need_nodes *given, size_t group,
                       struct need_list *list)
{
    const struct node *item = given->job;
    const struct jobs_group *g = &l->plan->groups[group];
    const struct jobs_job *job = &l->plan->jobs[self];
    struct pairing_matches found;

    if (job->group == group) {
        /* a job that `defaults` makes every job need does not need itself */
        if (l->refs[self].own_needs)
            problem_at(l, item, "job '%s' needs itself; name one of its instances", item->text);
        return;
    }
    if (!pairings_find(l, list->pairings, item, self, group, &found))
        return;
    if (found.n == 0 && !given->optional)
        problem_at(l, item, "no instance of '%s' has the values of '%s'", g->name, job->name);
    for (size_t i = 0; i < found.n; i++) {
        if (list->last[found.jobs[i]] == self + 1)
            problem_at(l, item, "'needs' names '%s' twice", l->plan->jobs[found.jobs[i]].name);
        else if (budget_charge(l, item, 1))
            need_add(list, self, found.jobs[i], given->when);
        else
            return;
    }
}

static void resolve_need(struct loader *l, size_t self, const struct need_nodes *given,
                         struct need_list *list)
{
    const struct node *item = given->job;
    size_t need;

    if (!name_index_find(&l->jobs, item->text, &need)) {
        if (name_index_find(&l->groups, item->text, &need))
            need_group(l, self, given, need, list);
        else if (!given->optional)
            unknown_job(l, item, "needs");
    } else if (need == self) {
        /* a job that `defaults` makes every job need does not need itself */
        if (l->refs[self].own_needs)
            problem_at(l, item, "job '%s' needs itself", item->text);
    } else if (list->last[need] == self + 1) {
        problem_at(l, item, "'needs' names '%s' twice", item->text);
    } else {
        need_add(list, self, need, given->when);
    }
}

static void resolve_job(struct loader *l, size_t self, struct need_list *list)
{
    const struct job_refs *d = &l->refs[self];
    struct jobs_job *job = &l->plan->jobs[self];

    list->n = 0;
    if (d->needs == NULL || !budget_charge(l, d->needs, items_count(d->needs)))
        return;
    for (const struct node *item = items_first(d->needs); item != NULL;
         item = items_next(d->needs, item)) {
        struct need_nodes given;

        if (read_need(l, item, &given))
            resolve_need(l, self, &given, list);
    }
    /* and `from` */
    job->needs = arena_alloc(l->plan->arena, (list->n + 1) * sizeof(*job->needs));
    job->needs_when = arena_alloc(l->plan->arena, (list->n + 1) * sizeof(*job->needs_when));
    if (list->n > 0) {
        memcpy(job->needs, list->items, list->n * sizeof(*job->needs));
        memcpy(job->needs_when, list->when, list->n * sizeof(*job->needs_when));
    }
    job->n_needs = list->n;
}

#define INSTANCES_SHOWN 5

static void say_not_one(struct loader *l, const struct node *from, size_t self,
                        const struct pairing_matches *found)
{
    cleanup_strbuf struct strbuf names = {0};
    const struct jobs_job *jobs = l->plan->jobs;

    for (size_t i = 0; i < found->n && i < INSTANCES_SHOWN; i++)
        strbuf_addf(&names, "%s'%s'", i > 0 ? ", " : ": ", jobs[found->jobs[i]].name);
    if (found->n == 0)
        problem_at(l, from, "no instance of '%s' has the values of '%s'", from->text,
                   jobs[self].name);
    else
        problem_at(l, from, "'%s' starts from one job, and '%s' is %zu of them%s%s",
                   jobs[self].name, from->text, found->n, names.data,
                   found->n > INSTANCES_SHOWN ? ", ..." : "");
}

/* Finds which job `from` names: of a job with a matrix the one instance that goes with this one. */
static bool find_from(struct loader *l, size_t self, struct need_list *list, size_t *ret_from)
{
    const struct job_refs *d = &l->refs[self];
    struct pairing_matches found;
    size_t group;

    if (name_index_find(&l->jobs, d->from->text, ret_from))
        return true;
    if (!name_index_find(&l->groups, d->from->text, &group)) {
        unknown_job(l, d->from, "from");
        return false;
    }
    if (l->plan->jobs[self].group == group) {
        if (d->own_from)
            problem_at(l, d->from, "job '%s' starts from itself; name one of its instances",
                       d->from->text);
        return false;
    }
    if (!pairings_find(l, list->pairings, d->from, self, group, &found))
        return false;
    if (found.n == 1)
        *ret_from = found.jobs[0];
    else
        say_not_one(l, d->from, self, &found);
    return found.n == 1;
}

/* A job that `defaults` makes every job start from starts from its own root. */
static void resolve_from(struct loader *l, size_t self, struct need_list *list)
{
    const struct job_refs *d = &l->refs[self];
    struct jobs_job *job = &l->plan->jobs[self];
    size_t from;

    if (d->from == NULL || !value_is_text(l, d->from, "from", "a job's name") ||
        !find_from(l, self, list, &from))
        return;
    if (from == self) {
        if (d->own_from)
            problem_at(l, d->from, "job '%s' starts from itself", d->from->text);
        return;
    }
    job->from = from;
    if (list->last[from] == self + 1) { /* needed already */
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
static const struct node *needs_place_of(const struct loader *l, const struct job_refs *d,
                                         const struct jobs_job *need)
{
    const char *group =
        need->group != JOBS_NO_GROUP ? l->plan->groups[need->group].name : need->name;

    for (const struct node *i = d->needs != NULL ? items_first(d->needs) : NULL; i != NULL;
         i = items_next(d->needs, i)) {
        const struct node *name = i->kind == NODE_MAP ? node_child(i, "job") : i;

        if (name != NULL && name->kind == NODE_SCALAR &&
            (str_eq(name->text, need->name) || str_eq(name->text, group)))
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
    problem_at(l, needs_place_of(l, &l->refs[start], &jobs[next]), "'needs' form a cycle: %s%s",
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

static const char *group_name(const void *data, size_t i)
{
    return ((const struct jobs_group *)data)[i].name;
}

void needs_resolve(struct loader *l)
{
    cleanup_free size_t *last = xcalloc(l->plan->n_jobs, sizeof(*last));
    struct pairings pairings = {0};
    struct need_list list = {.last = last, .pairings = &pairings};

    name_index_build(&l->jobs, l->plan->n_jobs, job_name, l->plan->jobs);
    name_index_build(&l->groups, l->plan->n_groups, group_name, l->plan->groups);
    for (size_t i = 0; i < l->plan->n_jobs; i++) {
        resolve_job(l, i, &list);
        resolve_from(l, i, &list);
    }
    free(list.items);
    free(list.when);
    pairings_free(&pairings);
    refuse_cycles(l);
}
