/* SPDX-License-Identifier: Apache-2.0 */
/* github: a workflow of GitHub Actions: its jobs, which of them are written, and what they come
 * after. */
#include "jobs/convert/github.h"

#include <string.h>

/* ---- a job ---- */

static void write_needs(struct github_scope *s, const struct node *needs, const char *when)
{
    struct converter *c = s->g->c;
    struct out *list = out_list(&c->out, s->out, "needs");
    bool is_held = false;

    for (size_t i = 0; i < s->g->n_jobs; i++)
        is_held |= s->g->jobs[i] == s->job && s->g->fates[i] == GITHUB_HELD;
    for (const struct node *i = items_first(needs); i != NULL; i = items_next(needs, i)) {
        size_t of;

        if (i->kind != NODE_SCALAR || !name_index_find(&s->g->index, i->text, &of) ||
            s->g->fates[of] < (is_held ? GITHUB_HELD : GITHUB_WRITTEN)) {
            convert_left(c, list, i, "a need of a job that is left out");
        } else if (when != NULL && !str_eq(when, "success")) {
            struct out *map = out_map(&c->out, list, NULL);

            out_text(&c->out, map, "job", i->text);
            out_text(&c->out, map, "when", when);
        } else if (convert_charge(c, 16)) {
            out_text(&c->out, list, NULL, i->text);
        }
    }
}

static void name_defaults(struct converter *c, struct out *in, const struct node *defaults)
{
    static const char *const taken[] = {"shell", "working-directory"};

    for (const struct node *v = defaults != NULL && defaults->kind == NODE_MAP ? defaults->first
                                                                               : NULL;
         v != NULL; v = v->next) {
        if (!str_eq(v->key->text, "run") || v->kind != NODE_MAP) {
            convert_left(c, in, v, "'%s' of 'defaults'", v->key->text);
            continue;
        }
        for (const struct node *r = v->first; r != NULL; r = r->next)
            if (!convert_is_among(r->key->text, taken, ARRAY_SIZE(taken)))
                convert_left(c, in, r, "'%s' of 'defaults.run'", r->key->text);
    }
}

static void write_rest(struct github_scope *s)
{
    static const char *const taken[] = {"name",  "runs-on",  "container", "services", "env",
                                        "steps", "strategy", "needs",     "if",       "defaults"};
    struct converter *c = s->g->c;

    for (const struct node *v = s->job->first; v != NULL; v = v->next) {
        const char *word = v->key->text;

        if (convert_is_among(word, taken, ARRAY_SIZE(taken)))
            continue;
        if (str_eq(word, "timeout-minutes"))
            github_minutes(s, s->out, v);
        else if (str_eq(word, "continue-on-error") && convert_is_true(v))
            out_bare(&c->out, s->out, "allow-failure", "true");
        else if (str_eq(word, "continue-on-error") && convert_is_false(v))
            continue;
        else if (str_eq(word, "permissions"))
            convert_left(c, s->out, v, "'permissions': a job has no token");
        else
            convert_left(c, s->out, v, "'%s' of a job", word);
    }
}

/* Takes `artifacts` out again where no path is in it. */
static void drop_empty_artifacts(struct github_scope *s)
{
    struct out *artifacts = out_find(s->out, "artifacts");
    struct out *paths = artifacts != NULL ? out_find(artifacts, "paths") : NULL;

    if (paths != NULL && paths->n == 0)
        out_only_comments(&s->g->c->out, artifacts);
}

/* Whether a job that is written needs that one. */
static bool is_needed(const struct github *g, const char *name)
{
    for (size_t i = 0; i < g->n_jobs; i++) {
        const struct node *needs = github_child(g->jobs[i], "needs");

        if (needs == NULL || g->fates[i] != GITHUB_WRITTEN)
            continue;
        for (const struct node *n = items_first(needs); n != NULL; n = items_next(needs, n))
            if (n->kind == NODE_SCALAR && str_eq(n->text, name))
                return true;
    }
    return false;
}

/* Writes the job; one that has no step or no combination left becomes a comment. */
static void write_job(struct github *g, size_t index, struct out *jobs)
{
    const struct node *job = g->jobs[index];
    struct github_scope s = {.g = g, .job = job, .out = out_map(&g->c->out, jobs, job->key->text)};
    const struct node *strategy = github_child(job, "strategy");
    const struct node *needs = github_child(job, "needs"), *name = github_child(job, "name");
    const struct node *when = github_child(job, "if");
    bool is_whole = g->fates[index] == GITHUB_WRITTEN;

    s.matrix = github_child(strategy, "matrix");
    s.system_axis = github_system_axis(g->c, job);
    if (convert_text(name) != NULL && !name->dollar && name->n > 0)
        out_text(&g->c->out, s.out, "description", name->text);
    github_machine(&s);
    if (when != NULL && github_condition(when) == NULL)
        convert_left(g->c, s.out, when, "the condition is not evaluated");
    if (needs != NULL)
        write_needs(&s, needs, when != NULL ? github_condition(when) : NULL);
    if (s.matrix != NULL)
        is_whole &= github_strategy(&s, strategy);
    github_env(&s, s.out, github_child(job, "env"));
    github_services(&s, github_child(job, "services"));
    name_defaults(g->c, s.out, github_child(job, "defaults"));
    write_rest(&s);
    is_whole &= github_steps(&s, github_child(job, "steps"));
    github_fill_combinations(&s);
    strset_free(&s.used);
    drop_empty_artifacts(&s);
    if (is_whole)
        return;
    out_hold(jobs, s.out);
    if (g->fates[index] == GITHUB_WRITTEN && is_needed(g, job->key->text))
        source_problem(&g->c->source, job->key->place,
                       "others need the job '%s', of whose matrix nothing can be written",
                       job->key->text);
}

/* ---- which jobs ---- */

static bool runs_something(struct github *g, const struct node *steps)
{
    bool runs = false;

    for (const struct node *i = steps != NULL && steps->kind == NODE_LIST ? steps->first : NULL;
         i != NULL; i = i->next) {
        const struct node *when = github_child(i, "if");
        const char *word = when != NULL ? github_condition(when) : "success";

        runs |= convert_text(github_child(i, "run")) != NULL &&
                (word != NULL ? !str_eq(word, "never") : g->c->asked->assume);
    }
    return runs;
}

/* Whether a matrix whose system the job takes has one that is no Linux alone. */
static bool all_elsewhere(struct github *g, const struct node *job, const struct node *matrix)
{
    const char *key = github_system_axis(g->c, job);
    const struct node *axis = key != NULL ? github_child(matrix, key) : NULL;

    for (const struct node *i = axis != NULL ? items_first(axis) : NULL; i != NULL;
         i = items_next(axis, i))
        if (convert_text(i) == NULL || !github_is_other_system(i->text))
            return false;
    return axis != NULL && github_child(matrix, "include") == NULL;
}

/* What becomes of a job by itself; says why where it is not written. */
static enum github_fate own_fate(struct github *g, const struct node *job, struct out *jobs)
{
    const struct node *matrix = github_child(github_child(job, "strategy"), "matrix");
    const struct node *on = github_child(job, "runs-on"), *when = github_child(job, "if");
    const char *name = job->key->text, *label = on != NULL ? convert_text(items_first(on)) : NULL;
    const char *word = when != NULL ? github_condition(when) : "success";

    if (github_child(job, "uses") != NULL)
        convert_left(g->c, jobs, job, "the job '%s', which is another workflow", name);
    else if (word != NULL && str_eq(word, "never"))
        convert_left(g->c, jobs, when, "the job '%s', which is never run", name);
    else if (word != NULL && str_eq(word, "failure") && github_child(job, "needs") == NULL)
        convert_left(g->c, jobs, when, "the job '%s', which is run after a failure of none", name);
    else if (!runs_something(g, github_child(job, "steps")))
        convert_left(g->c, jobs, job, "the job '%s', which for sure runs no command", name);
    else if (matrix != NULL && !github_matrix_is_known(g->c, matrix))
        convert_left(g->c, jobs, job, "the job '%s', whose matrix is not of texts alone", name);
    else if ((label != NULL && github_is_other_system(label)) || all_elsewhere(g, job, matrix))
        convert_left(g->c, jobs, job, "the job '%s', which is for no Linux", name);
    else if (name[0] == '-' || name[0] == '.' || name[0] == '\0' || strlen(name) > LOAD_NAME_MAX ||
             !str_eq(convert_shown(g->c, name), name) || strstr(name, "${{") != NULL)
        convert_left(g->c, jobs, job, "the job '%s', whose name no job may have here", name);
    else if (word != NULL && str_eq(word, "failure") &&
             items_count(github_child(job, "needs")) != 1) {
        convert_left(g->c, jobs, when,
                     "the job '%s', which is run when one of several failed: it is a comment",
                     name);
        return GITHUB_HELD;
    } else if (word != NULL || g->c->asked->assume)
        return GITHUB_WRITTEN;
    else {
        convert_left(g->c, jobs, when,
                     "the job '%s', whose condition is not evaluated: it is a comment", name);
        return GITHUB_HELD;
    }
    return GITHUB_NEVER;
}

/* Whether the job comes, after success, after one that does not run for sure. */
static const struct node *unsure_need(struct github *g, const struct node *job)
{
    const struct node *needs = github_child(job, "needs"), *when = github_child(job, "if");
    const char *word = when != NULL ? github_condition(when) : "success";
    size_t of;

    if (needs == NULL || (word != NULL && str_eq(word, "always")))
        return NULL;
    for (const struct node *i = items_first(needs); i != NULL; i = items_next(needs, i))
        if (!convert_charge(g->c, 1) || i->kind != NODE_SCALAR ||
            !name_index_find(&g->index, i->text, &of) || g->fates[of] != GITHUB_WRITTEN)
            return i;
    return NULL;
}

/* Makes comments of the jobs that need those that are not written, and of those that need them. */
static void hold_needing(struct github *g, struct out *jobs)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < g->n_jobs && convert_charge(g->c, 1); i++) {
            const struct node *need =
                g->fates[i] == GITHUB_WRITTEN ? unsure_need(g, g->jobs[i]) : NULL;

            if (need == NULL)
                continue;
            g->fates[i] = GITHUB_HELD;
            changed = true;
            convert_left(g->c, jobs, need,
                         "the job '%s', which needs one that is not run for sure: it is a comment",
                         g->jobs[i]->key->text);
        }
    }
}

/* ---- the workflow ---- */

static void write_top(struct github *g, struct out *defaults)
{
    static const char *const taken[] = {"name", "run-name", "env", "jobs", "defaults"};

    for (const struct node *v = g->root->first; v != NULL; v = v->next) {
        if (str_eq(v->key->text, "on"))
            convert_note(g->c, defaults, v, "'on': a file does not say when it is run");
        else if (!convert_is_among(v->key->text, taken, ARRAY_SIZE(taken)))
            convert_left(g->c, defaults, v, "'%s' of a workflow", v->key->text);
    }
    name_defaults(g->c, defaults, node_child(g->root, "defaults"));
}

static const char *job_name_at(const void *data, size_t i)
{
    return ((const struct node *const *)data)[i]->key->text;
}

void convert_github(struct converter *c, const struct node *root)
{
    static const char *const bash[] = {"/bin/bash", "-e"};
    const struct node *jobs = node_child(root, "jobs");
    struct github g = {.c = c, .root = root};
    struct out *defaults = out_map(&c->out, c->out.root, "defaults"), *list;

    if (jobs == NULL || jobs->kind != NODE_MAP) {
        source_problem(&c->source, root->place, "a workflow has a map 'jobs'");
        return;
    }
    g.defaults = defaults;
    g.jobs = arena_alloc(c->arena, (jobs->n + 1) * sizeof(const struct node *));
    g.fates = arena_alloc(c->arena, (jobs->n + 1) * sizeof(*g.fates));
    for (const struct node *v = jobs->first; v != NULL; v = v->next)
        g.jobs[g.n_jobs++] = v;
    name_index_build(&g.index, g.n_jobs, job_name_at, g.jobs);
    out_texts(&c->out, defaults, "shell", 2, bash);
    out_comment(&c->out, defaults, "GitHub's jobs reach the network: leave it out where none does");
    out_text(&c->out, defaults, "network", "nat");
    convert_wall(c, defaults, 6 * 3600); /* as long as GitHub lets a job run */
    write_top(&g, defaults);
    github_env(&(struct github_scope){.g = &g, .out = defaults}, defaults, node_child(root, "env"));
    list = out_map(&c->out, c->out.root, "jobs");
    for (size_t i = 0; i < g.n_jobs; i++)
        if (g.jobs[i]->kind == NODE_MAP)
            g.fates[i] = own_fate(&g, g.jobs[i], list);
        else
            convert_left(c, list, g.jobs[i], "'%s' is no job", g.jobs[i]->key->text);
    hold_needing(&g, list);
    for (size_t i = 0; i < g.n_jobs && convert_charge(c, 16); i++)
        if (g.fates[i] != GITHUB_NEVER)
            write_job(&g, i, list);
    name_index_free(&g.index);
}
