/* SPDX-License-Identifier: Apache-2.0 */
/* needs: which job waits for which, by `needs`, by `from` or for its inputs; refuses cycles. Not
 * responsible for running anything in that order. */
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
    /* which need_files adds */
    size_t files = (d->from != NULL) + (d->takes_files ? items_count(d->inputs) : 0);
    bool any = d->needs != NULL && budget_charge(l, d->needs, items_count(d->needs));

    list->n = 0;
    for (const struct node *item = any ? items_first(d->needs) : NULL; item != NULL;
         item = items_next(d->needs, item)) {
        struct need_nodes given;

        if (read_need(l, item, &given))
            resolve_need(l, self, &given, list);
    }
    if (list->n + files == 0)
        return;
    job->needs = arena_alloc(l->plan->arena, (list->n + files) * sizeof(*job->needs));
    job->needs_when = arena_alloc(l->plan->arena, (list->n + files) * sizeof(*job->needs_when));
    if (list->n > 0) {
        memcpy(job->needs, list->items, list->n * sizeof(*job->needs));
        memcpy(job->needs_when, list->when, list->n * sizeof(*job->needs_when));
    }
    job->n_needs = list->n;
}

#define INSTANCES_SHOWN 5

/* Where a job names another whose files it wants. */
struct files_of {
    const struct node *name;
    const char *key;  /* that names it */
    const char *does; /* what the job does: "starts from" */
    bool own;         /* it is not `defaults` that say so */
};

static void say_not_one(struct loader *l, const struct files_of *of, size_t self,
                        const struct pairing_matches *found)
{
    const struct node *from = of->name;
    cleanup_strbuf struct strbuf names = {0};
    const struct jobs_job *jobs = l->plan->jobs;

    for (size_t i = 0; i < found->n && i < INSTANCES_SHOWN; i++)
        strbuf_addf(&names, "%s'%s'", i > 0 ? ", " : ": ", jobs[found->jobs[i]].name);
    if (found->n == 0)
        problem_at(l, from, "no instance of '%s' has the values of '%s'", from->text,
                   jobs[self].name);
    else
        problem_at(l, from, "'%s' %s one job, and '%s' is %zu of them%s%s", jobs[self].name,
                   of->does, from->text, found->n, names.data,
                   found->n > INSTANCES_SHOWN ? ", ..." : "");
}

/* Finds which job is named: of a job with a matrix the one instance that goes with this one. False:
 * that is wrong, or is the job itself where `defaults` say it. */
static bool find_files_of(struct loader *l, size_t self, struct need_list *list,
                          const struct files_of *of, size_t *ret)
{
    struct pairing_matches found;
    size_t group;

    if (name_index_find(&l->jobs, of->name->text, ret)) {
        if (*ret == self && of->own)
            problem_at(l, of->name, "job '%s' %s itself", of->name->text, of->does);
        return *ret != self;
    }
    if (!name_index_find(&l->groups, of->name->text, &group)) {
        unknown_job(l, of->name, of->key);
        return false;
    }
    if (l->plan->jobs[self].group == group) {
        if (of->own)
            problem_at(l, of->name, "job '%s' %s itself; name one of its instances", of->name->text,
                       of->does);
        return false;
    }
    if (!pairings_find(l, list->pairings, of->name, self, group, &found))
        return false;
    if (found.n == 1)
        *ret = found.jobs[0];
    else
        say_not_one(l, of, self, &found);
    return found.n == 1;
}

/* Finds the `when` of the job's own need of exactly this one, which wants it even if that one has
 * not passed; or NULL. */
static const struct node *find_needless(struct loader *l, size_t self, size_t need)
{
    const struct job_refs *d = &l->refs[self];

    for (const struct node *i = d->own_needs ? items_first(d->needs) : NULL; i != NULL;
         i = items_next(d->needs, i)) {
        const struct node *name = i->kind == NODE_MAP ? node_child(i, "job") : NULL;

        if (name != NULL && name->kind == NODE_SCALAR &&
            str_eq(name->text, l->plan->jobs[need].name))
            return node_child(i, "when");
    }
    return NULL;
}

/* Adds a job whose files are wanted, for which resolve_job has left room. */
static void need_files(struct loader *l, size_t self, struct need_list *list,
                       const struct files_of *of, size_t need)
{
    struct jobs_job *job = &l->plan->jobs[self];

    if (list->last[need] == self + 1) { /* needed already */
        const struct node *when = NULL;

        for (size_t i = 0; i < job->n_needs; i++)
            if (job->needs[i] == need) {
                if (job->needs_when[i] == JOBS_NEED_FAILURE ||
                    job->needs_when[i] == JOBS_NEED_ALWAYS)
                    when = find_needless(l, self, need);
                job->needs_when[i] = JOBS_NEED_FILES;
            }
        if (when != NULL)
            problem_at(l, when,
                       "'when: %s' cannot be: job '%s' %s '%s', whose files are there only "
                       "when it has passed",
                       when->text, job->name, of->does, of->name->text);
        return;
    }
    list->last[need] = self + 1;
    job->needs_when[job->n_needs] = JOBS_NEED_FILES;
    job->needs[job->n_needs++] = need;
}

/* Finds whose files the inputs are. A job that `defaults` give files of itself has none of them. */
static void resolve_inputs(struct loader *l, size_t self, struct need_list *list)
{
    const struct job_refs *d = &l->refs[self];
    struct jobs_job *job = &l->plan->jobs[self];
    size_t n = 0, need, at;

    for (const struct node *item = d->takes_files ? items_first(d->inputs) : NULL; item != NULL;
         item = items_next(d->inputs, item)) {
        struct files_of of = {.key = "job", .does = "takes files of", .own = d->own_inputs};

        at = input_of_item(l->tree, job, item);
        if (at == JOBS_NO_INPUT)
            continue;
        of.name = node_child(item, "job");
        if (!budget_charge(l, of.name, 1) || !find_files_of(l, self, list, &of, &need))
            continue;
        job->inputs[at].job = need + 1;
        need_files(l, self, list, &of, need);
    }
    for (size_t i = 0; d->takes_files && i < job->n_inputs; i++)
        if (job->inputs[i].job != JOBS_NO_INPUT)
            job->inputs[n++] = job->inputs[i];
    job->n_inputs = d->takes_files ? n : job->n_inputs;
}

/* A job that `defaults` makes every job start from starts from its own root. */
static void resolve_from(struct loader *l, size_t self, struct need_list *list)
{
    const struct job_refs *d = &l->refs[self];
    struct files_of of = {
        .name = d->from, .key = "from", .does = "starts from", .own = d->own_from};
    size_t from;

    if (d->from == NULL || !value_is_text(l, d->from, "from", "a job's name") ||
        !find_files_of(l, self, list, &of, &from))
        return;
    l->plan->jobs[self].from = from;
    need_files(l, self, list, &of, from);
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
    if (d->from != NULL && (str_eq(d->from->text, need->name) || str_eq(d->from->text, group)))
        return d->from;
    for (const struct node *i = d->takes_files ? items_first(d->inputs) : NULL; i != NULL;
         i = items_next(d->inputs, i)) {
        const struct node *name = i->kind == NODE_MAP ? node_child(i, "job") : NULL;

        if (name != NULL && name->kind == NODE_SCALAR &&
            (str_eq(name->text, need->name) || str_eq(name->text, group)))
            return name;
    }
    return d->name;
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
        resolve_inputs(l, i, &list);
        resolve_from(l, i, &list);
    }
    free(list.items);
    free(list.when);
    pairings_free(&pairings);
    refuse_cycles(l);
}
