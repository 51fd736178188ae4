/* SPDX-License-Identifier: Apache-2.0 */
/* expand: see expand.h. A file that has none of what is written out here is left as it is, and
 * costs a look at the names of its keys. */
#include "jobs/expand/expand.h"

#include "jobs/expand/case_jobs.h"
#include "jobs/expand/include.h"
#include "jobs/expand/matrix.h"
#include "jobs/expand/named.h"
#include "jobs/expand/params.h"
#include "jobs/expand/replace.h"
#include "jobs/expand/shards.h"
#include "jobs/expand/submission_languages.h"
#include "jobs/expand/templates.h"
#include "jobs/expand/uses.h"

#define ID_MAX 1000 /* bytes of an instance's id */

/* The file while its jobs are written out. */
struct expansion {
    struct loader *l;
    struct replacing r;
    struct node **link; /* where the next job goes */
    size_t n;           /* of jobs so far */
    struct strset ids;
    /* the job whose matrix is being written out: its keys without those that come anew */
    struct node *job;
    struct node *rest, *own_env;
    struct shards shards;
    struct jobs_group *group;
    struct cases *cases; /* of that job, or NULL */
    struct languages languages;
    enum language_use use;   /* that the job makes of them */
    const struct node *args; /* what it says then of `args`, or NULL */
};

static struct node *child_of(struct node *map, const char *key)
{
    return map->kind == NODE_MAP ? (struct node *)node_child(map, key) : NULL;
}

/* ---- jobs ---- */

/* A job that is not to be looked at: whatever it lacks may be there. */
static struct node *lost_job(struct expansion *x, const struct node *job)
{
    struct node *n = node_new(x->l->tree, NODE_MAP, job->place);

    n->key = job->key;
    n->lost = true;
    return n;
}

static void add_job(struct expansion *x, struct node *job, const struct instance_of *of)
{
    struct loader *l = x->l;

    if (!strset_add(&x->ids, job->key->text))
        problem_at(l, job->key, "two jobs are named '%s'", job->key->text);
    if (x->n < LOAD_JOBS_MAX)
        l->instances[x->n] = of != NULL ? *of : (struct instance_of){.group = JOBS_NO_GROUP};
    x->n++;
    job->next = NULL;
    *x->link = job;
    x->link = &job->next;
}

/* ---- instances ---- */

static void add_words(struct strbuf *id, const struct expansion *x, const struct combination *c,
                      bool be_short)
{
    id->len = 0;
    strbuf_adds(id, x->job->key->text);
    for (size_t i = 0; i < c->n_named; i++)
        strbuf_addf(id, "%s%s=%s", i > 0 ? "," : "/", c->key[i]->text,
                    be_short && c->value[i]->short_word != NULL ? c->value[i]->short_word
                                                                : c->value[i]->word);
}

/* Where paths that others have made are too long for an id, they are cut, and not run. */
static const char *make_id(struct expansion *x, const struct combination *c,
                           const char **ret_refused)
{
    cleanup_strbuf struct strbuf id = {0}, whole = {0};

    add_words(&whole, x, c, false);
    if (whole.len <= ID_MAX)
        return arena_strndup(x->l->tree, whole.data, whole.len);
    add_words(&id, x, c, true);
    if (id.len > ID_MAX)
        problem_at(x->l, c->value[c->n - 1]->node,
                   "'%.80s...' is too long for the name of an instance: it has %zu bytes, and %d "
                   "are possible",
                   whole.data, whole.len, ID_MAX);
    else if (*ret_refused == NULL)
        *ret_refused = arena_printf(x->l->plan->arena,
                                    "what was found is too long for the name of an instance: it "
                                    "would have %zu bytes, and %d are possible",
                                    whole.len, ID_MAX);
    return arena_strndup(x->l->tree, id.data, id.len);
}

/* The values as the job's environment, before what it says itself. */
static struct node *make_env(struct expansion *x, const struct combination *c)
{
    struct node *env =
        node_new(x->l->tree, NODE_MAP, x->own_env != NULL ? x->own_env->place : x->job->place);
    struct node **link = &env->first;

    env->key =
        x->own_env != NULL ? x->own_env->key : node_new_text(x->l->tree, "env", x->job->place);
    for (size_t i = 0; i < c->n; i++) {
        struct node *v = node_new(x->l->tree, NODE_SCALAR, c->value[i]->node->place);

        *v = *c->value[i]->node;
        v->plain = v->dollar = false;
        v->key = (struct node *)c->key[i];
        *link = v;
        link = &v->next;
    }
    env->n = c->n;
    *link = NULL;
    if (x->own_env != NULL) {
        *link = x->own_env->first;
        env->n += x->own_env->n;
        env->dollar = x->own_env->dollar;
    }
    return env;
}

static void check_env(struct expansion *x, const struct combination *c)
{
    for (const struct node *v = x->own_env->first; v != NULL; v = v->next)
        for (size_t i = 0; i < c->n; i++)
            if (str_eq(v->key->text, c->key[i]->text))
                problem_at(x->l, v->key, "'env' sets '%s', which %s", v->key->text,
                           shards_have(v->key->text)      ? "'parallel' sets"
                           : languages_have(v->key->text) ? "'languages' sets"
                                                          : "is a key of the job's 'matrix'");
}

/* An instance whose cases are being added. */
struct adding_cases {
    struct expansion *x;
    const struct instance_of *of;
};

static void add_case(void *data, struct node *job, struct jobs_case *of_case,
                     const struct expand_match *match)
{
    const struct adding_cases *a = data;
    struct instance_of of = *a->of;

    of.of_case = of_case;
    if (of.refused == NULL && match != NULL) {
        of.refused = match->refused;
        of.unread = match->unread;
    }
    add_job(a->x, job, &of);
}

static size_t add_cases(struct expansion *x, struct node *instance, const struct instance_of *of)
{
    struct adding_cases a = {x, of};

    return cases_each(x->cases, instance, x->n, add_case, &a);
}

/* Makes the job of an instance, of which the values are to be replaced. */
static struct node *instance_job(struct expansion *x, const struct combination *c,
                                 const struct spoken *s, const char **ret_refused)
{
    struct node *job = node_new(x->l->tree, NODE_MAP, x->job->place), **link = &job->first;

    *job = *x->job;
    job->key = node_new_text(x->l->tree, make_id(x, c, ret_refused), x->job->key->place);
    if (c->n > 0 || x->own_env != NULL) {
        if (x->own_env != NULL)
            check_env(x, c);
        *link = make_env(x, c);
        link = &(*link)->next;
    }
    if (s != NULL) {
        *link = languages_command(&x->languages, s, x->use, x->job->key, x->args);
        for (; *link != NULL; link = &(*link)->next) {
            job->dollar |= (*link)->dollar;
            job->n++;
        }
    }
    *link = x->rest;
    return job;
}

static void make_instance(struct expansion *x, const struct combination *values)
{
    struct binding bindings[COMBINATION_MAX];
    struct combination with = *values, *c = &with;
    const char **matrix = arena_alloc(x->l->plan->arena, (c->n_named + 1) * sizeof(*matrix));
    struct instance_of of = {.group = (size_t)(x->group - x->l->plan->groups), .matrix = matrix};
    struct spoken spoken = {0};
    struct node *job;
    bool speaks = x->use != LANGUAGES_NOT_USED && languages_find(&x->languages, c, &spoken);

    of.refused = spoken.refused;
    of.unread = spoken.unread;
    for (size_t i = 0; i < c->n; i++) {
        bindings[i] =
            (struct binding){c->key[i]->text, c->value[i]->node->text, c->value[i]->node->found};
        if (i < c->n_named)
            matrix[i] = c->value[i]->pair;
        if (of.refused == NULL) {
            of.refused = c->value[i]->refused;
            of.unread = c->value[i]->unread;
        }
    }
    job = instance_job(x, c, speaks ? &spoken : NULL, &of.refused);
    x->r.matrix = bindings;
    x->r.n_matrix = c->n;
    job = replace_in(&x->r, job);
    if (x->cases != NULL) {
        x->cases->language = spoken.language;
        x->group->n += add_cases(x, job, &of);
    } else {
        add_job(x, job, &of);
        x->group->n++;
    }
    x->r.matrix = NULL;
    x->r.n_matrix = 0;
}

/* Makes one instance of a combination, or each of its shards. */
static void make_instances(void *data, const struct combination *c)
{
    struct expansion *x = data;

    if (x->shards.n == 0)
        make_instance(x, c);
    for (size_t i = 0; i < x->shards.n; i++) {
        struct combination shard = *c;

        shards_add(&x->shards, i, &shard);
        make_instance(x, &shard);
    }
}

/* Keeps what all instances share: the keys but those that make them, and `env` apart. */
static void split_keys(struct expansion *x, struct node *job)
{
    struct node **link = &x->rest;

    x->rest = x->own_env = NULL;
    x->args = NULL;
    for (struct node *v = job->first, *next; v != NULL; v = next) {
        next = v->next;
        if (str_eq(v->key->text, "matrix") || str_eq(v->key->text, "parallel"))
            continue;
        if (str_eq(v->key->text, "env") && v->kind == NODE_MAP) {
            x->own_env = v;
            continue;
        }
        if (str_eq(v->key->text, "args") && x->use == LANGUAGES_COMPILE) {
            x->args = v;
            continue;
        }
        v->next = NULL;
        *link = v;
        link = &v->next;
    }
}

static bool is_possible(struct expansion *x, const struct matrix *m, const struct node *at)
{
    size_t size = m->n_axes > 0 || m->include != NULL ? matrix_size(m) : 1;

    if (x->shards.n > 0 && __builtin_mul_overflow(size, x->shards.n, &size))
        size = SIZE_MAX;
    if (size <= LOAD_JOBS_MAX && x->n + size <= LOAD_JOBS_MAX)
        return true;
    if (size == SIZE_MAX)
        problem_at(x->l, at,
                   "'%s' makes more instances than can be counted; at most %d jobs are possible "
                   "in one file",
                   at->text, LOAD_JOBS_MAX);
    else
        problem_at(x->l, at,
                   "'%s' makes %zu instances, and %zu jobs stand before them; at most %d are "
                   "possible in one file",
                   at->text, size, x->n, LOAD_JOBS_MAX);
    return false;
}

/* Reads what makes instances of a job: either may be NULL. */
static bool read_instances(struct expansion *x, struct node *matrix, struct node *parallel,
                           struct matrix *m)
{
    bool good = true;

    x->shards = (struct shards){0};
    x->r.where = "a matrix knows parameters, and none of its own keys";
    if (matrix != NULL)
        good = matrix_read(x->l, replace_in(&x->r, matrix), m);
    if (parallel != NULL)
        good = shards_read(x->l, replace_in(&x->r, parallel), &x->shards) && good;
    x->r.where = NULL;
    return good;
}

/* Any of the three may be NULL, but not all. */
static void expand_matrix(struct expansion *x, struct node *job, struct node *matrix,
                          struct node *parallel, struct node *list)
{
    _cleanup_(matrix_free) struct matrix m = {0};
    _cleanup_(cases_free) struct cases cases = {0};
    const struct node *at = (matrix != NULL ? matrix : parallel != NULL ? parallel : list)->key;
    struct jobs_plan *plan = x->l->plan;

    job_name_check(x->l, job->key);
    x->use = languages_use(&x->languages, job);
    if (!read_instances(x, matrix, parallel, &m) || !is_possible(x, &m, at) ||
        (list != NULL &&
         !cases_take(&cases, x->l, &x->r, job, x->use == LANGUAGES_RUN ? &x->languages : NULL))) {
        add_job(x, lost_job(x, job), NULL);
        return;
    }
    x->cases = list != NULL ? &cases : NULL;
    x->job = job;
    x->group = &plan->groups[plan->n_groups++];
    *x->group =
        (struct jobs_group){.name = arena_strdup(plan->arena, job->key->text), .first = x->n};
    split_keys(x, job);
    if (matrix != NULL)
        matrix_each(x->l, &m, make_instances, x);
    else
        make_instances(x, &(struct combination){0});
    if (x->group->n == 0) {
        if (list == NULL)
            problem_at(x->l, at, "'exclude' leaves nothing of the matrix");
        add_job(x, lost_job(x, job), NULL);
    }
    x->cases = NULL;
}

/* Lays under each job what it extends, and puts into it the services that it uses; returns whether
 * there is either. */
static bool fill_jobs(struct node *jobs, struct templates *t, struct uses *u)
{
    bool any = false;

    for (struct node *v = jobs->first; v != NULL; v = v->next) {
        bool extends = child_of(v, "extends") != NULL;

        if (extends)
            templates_extend(t, v);
        if (!uses_resolve(u, v) && !extends)
            continue;
        jobs->dollar |= v->dollar;
        any = true;
    }
    return any;
}

/* How many jobs have instances: they need a place for what those are. */
static size_t count_matrices(struct node *jobs)
{
    size_t n = 0;

    for (struct node *v = jobs->first; v != NULL; v = v->next)
        n += child_of(v, "matrix") != NULL || child_of(v, "parallel") != NULL ||
             child_of(v, "cases") != NULL;
    return n;
}

static void expand_jobs(struct expansion *x, struct node *jobs, struct templates *t, struct uses *u)
{
    struct loader *l = x->l;
    bool filled = fill_jobs(jobs, t, u);
    size_t matrices = count_matrices(jobs);
    struct node *job = jobs->first, *next;

    named_find(l, jobs);
    if (matrices == 0 && !(filled && jobs->dollar)) {
        if (jobs->dollar)
            *jobs = *replace_in(&x->r, jobs);
        return;
    }
    l->instances = arena_alloc(l->tree, LOAD_JOBS_MAX * sizeof(*l->instances));
    l->plan->groups = arena_alloc(l->plan->arena, matrices * sizeof(*l->plan->groups));
    jobs->first = NULL;
    x->link = &jobs->first;
    for (; job != NULL; job = next) {
        struct node *matrix = child_of(job, "matrix"), *parallel = child_of(job, "parallel");
        struct node *cases = child_of(job, "cases");

        next = job->next;
        if (job->key->dollar)
            problem_at(l, job->key, "'%s': nothing is replaced in a key, only in values",
                       job->key->text);
        x->r.job = filled ? job->key->text : NULL;
        if (matrix != NULL || parallel != NULL || cases != NULL)
            expand_matrix(x, job, matrix, parallel, cases);
        else
            add_job(x, replace_in(&x->r, job), NULL);
    }
    x->r.job = NULL;
    jobs->n = x->n;
}

/* What is replaced with the values of each job, or not at all. */
static bool is_for_later(const struct node *n)
{
    return str_eq(n->key->text, "jobs") || str_eq(n->key->text, "templates") ||
           str_eq(n->key->text, "services") || str_eq(n->key->text, "languages") ||
           str_eq(n->key->text, "params") || str_eq(n->key->text, "include") ||
           str_starts(n->key->text, "x-");
}

void expand(struct loader *l, struct node *root)
{
    struct expansion x = {.l = l, .r = {.l = l}};
    _cleanup_(templates_free) struct templates templates = {0};
    _cleanup_(uses_free) struct uses uses = {0};
    struct node *jobs, *params, *map, *services;

    if (root->kind != NODE_MAP)
        return;
    include_files(l, root);
    jobs = child_of(root, "jobs");
    params = child_of(root, "params");
    map = child_of(root, "templates");
    services = child_of(root, "services");
    l->defaults = child_of(root, "defaults");
    if (params != NULL)
        params_read(&x.r, params);
    if (root->dollar) {
        x.r.where = "the keys of a matrix are known in its own job only";
        for (struct node **link = &root->first; *link != NULL; link = &(*link)->next)
            if (!is_for_later(*link))
                *link = replace_in(&x.r, *link);
        x.r.where = NULL;
    }
    templates_read(&templates, &x.r, map);
    uses_read(&uses, &x.r, services, child_of(root, "defaults"));
    languages_read(&x.languages, &x.r, child_of(root, "languages"), child_of(root, "defaults"));
    if (jobs != NULL && jobs->kind == NODE_MAP)
        expand_jobs(&x, jobs, &templates, &uses);
    templates_drop_used(&templates, map);
    uses_drop_used(&uses, services);
    languages_free(&x.languages);
    strset_free(&x.ids);
    replace_free(&x.r);
}
