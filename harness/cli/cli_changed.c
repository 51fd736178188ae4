/* SPDX-License-Identifier: Apache-2.0 */
/* cli_changed: see cli_changed.h. Not responsible for what has changed (git_changes.c). */
#include "harness/cli/cli_changed.h"

#include "harness/cli/cli.h"
#include "harness/run/manifest.h"

static bool reads_changed(const struct git_changes *c, const char *path)
{
    return path != NULL && git_changes_touch(c, path);
}

static bool expects_changed(const struct git_changes *c, struct jobs_expect *e)
{
    const struct jobs_host_path *path;
    bool changed = false;

    for (size_t i = 0; (path = jobs_expect_path(e, i)) != NULL; i++)
        changed |= reads_changed(c, path->path);
    return changed;
}

/* Looks at the job's own files, its root left aside. */
static bool has_changed(const struct git_changes *c, const struct jobs_job *job)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        if (reads_changed(c, job->inputs[i].host.path))
            return true;
    for (size_t i = 0; i < job->n_steps; i++)
        if (expects_changed(c, &job->steps[i].expect))
            return true;
    return reads_changed(c, job->stdin_file.path);
}

/* A root, and those that it is made of, as far as they come from files. */
static bool has_changed_root(const struct git_changes *c, const struct jobs_plan *plan, size_t root)
{
    for (;; root = plan->roots[root].base) {
        const struct jobs_root *r = &plan->roots[root];

        if (reads_changed(c, r->path) || reads_changed(c, r->tar) || reads_changed(c, r->oci))
            return true;
        if (r->build == NULL)
            return false;
        if (has_changed(c, r->build))
            return true;
    }
}

/* Says whether the job file comes to something else: by its own text, or what is read for it. */
static bool has_changed_file(const struct git_changes *c, const struct jobs_plan *plan)
{
    cleanup_free char *file = manifest_path_of(plan);
    bool is = git_changes_touch(c, file);

    for (size_t i = 0; i < plan->n_inclusions && !is; i++)
        is = git_changes_touch(c, plan->inclusions[i].path);
    for (size_t i = 0; i < plan->n_readings && !is; i++)
        is = !plan->readings[i].is_names && git_changes_match(c, plan->readings[i].path);
    return is;
}

static void mark_changed(const struct git_changes *c, const struct jobs_plan *plan, bool *changed)
{
    cleanup_free bool *roots = xcalloc(plan->n_roots + 1, sizeof(*roots));
    bool all = has_changed_file(c, plan);

    for (size_t i = 0; i < plan->n_roots; i++)
        roots[i] = has_changed_root(c, plan, i);
    for (size_t i = 0; i < plan->n_jobs; i++) {
        const struct jobs_job *job = &plan->jobs[i];

        changed[i] = all || roots[job->root] || has_changed(c, job);
        for (size_t k = 0; k < jobs_services_count(job) && !changed[i]; k++) {
            const struct jobs_job *service = job->services->list[k].job;

            changed[i] = roots[service->root] || has_changed(c, service);
        }
        if (job->checker != NULL && !changed[i])
            changed[i] = roots[job->checker->job->root] || has_changed(c, job->checker->job);
    }
}

static void mark_what_needs_them(const struct jobs_plan *plan, bool *changed)
{
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));

    jobs_order(plan, order);
    for (size_t k = 0; k < plan->n_jobs; k++) { /* needs come first */
        const struct jobs_job *job = &plan->jobs[order[k]];

        for (size_t i = 0; i < job->n_needs && !changed[order[k]]; i++)
            changed[order[k]] = changed[job->needs[i]];
    }
}

size_t cli_changed_mark_plan(const struct git_changes *c, const struct jobs_plan *plan, bool *among)
{
    cleanup_free bool *changed = xcalloc(plan->n_jobs + 1, sizeof(*changed));
    size_t n = 0;

    mark_changed(c, plan, changed);
    mark_what_needs_them(plan, changed);
    for (size_t i = 0; i < plan->n_jobs; i++) {
        among[i] = among[i] && changed[i];
        n += among[i];
    }
    return n;
}

int cli_changed_mark(const char *ref, struct jobs_plan *const *plans, size_t n, bool *const *among,
                     size_t *ret_n)
{
    struct git_changes c = {0};
    struct cupel_error err;

    *ret_n = 0;
    for (size_t p = 0; p < n; p++) {
        if (p == 0 || !str_eq(plans[p]->dir, plans[p - 1]->dir)) {
            git_changes_free(&c);
            if (git_changes_find(plans[p]->dir, ref, &c, &err) < 0)
                return cli_fail(&err);
        }
        *ret_n += cli_changed_mark_plan(&c, plans[p], among[p]);
    }
    git_changes_free(&c);
    return 0;
}

/* ---- the same paths, for who waits until one of them changes ---- */

typedef void each_path_fn(void *data, const char *path, bool is_pattern);

static void tell_path(each_path_fn *each, void *data, const char *path)
{
    if (path != NULL)
        each(data, path, false);
}

static void each_expected(struct jobs_expect *e, each_path_fn *each, void *data)
{
    const struct jobs_host_path *path;

    for (size_t i = 0; (path = jobs_expect_path(e, i)) != NULL; i++)
        tell_path(each, data, path->path);
}

static void each_of_job(const struct jobs_job *job, each_path_fn *each, void *data)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        tell_path(each, data, job->inputs[i].host.path);
    for (size_t i = 0; i < job->n_steps; i++)
        each_expected(&job->steps[i].expect, each, data);
    tell_path(each, data, job->stdin_file.path);
}

static void each_of_root(const struct jobs_plan *plan, size_t root, each_path_fn *each, void *data)
{
    for (;; root = plan->roots[root].base) {
        const struct jobs_root *r = &plan->roots[root];

        tell_path(each, data, r->path);
        tell_path(each, data, r->tar);
        tell_path(each, data, r->oci);
        if (r->build == NULL)
            return;
        each_of_job(r->build, each, data);
    }
}

void cli_changed_each_path(const struct jobs_plan *plan, const bool *selected,
                           void (*each)(void *data, const char *path, bool is_pattern), void *data)
{
    cleanup_free char *file = manifest_path_of(plan);
    cleanup_free bool *roots = xcalloc(plan->n_roots + 1, sizeof(*roots));

    each(data, file, false);
    for (size_t i = 0; i < plan->n_inclusions; i++)
        each(data, plan->inclusions[i].path, false);
    for (size_t i = 0; i < plan->n_readings; i++)
        each(data, plan->readings[i].path, true);
    for (size_t i = 0; i < plan->n_jobs; i++) {
        const struct jobs_job *job = &plan->jobs[i];

        if (!selected[i])
            continue;
        each_of_job(job, each, data);
        roots[job->root] = true;
        for (size_t k = 0; k < jobs_services_count(job); k++) {
            each_of_job(job->services->list[k].job, each, data);
            roots[job->services->list[k].job->root] = true;
        }
        if (job->checker != NULL) {
            each_of_job(job->checker->job, each, data);
            roots[job->checker->job->root] = true;
        }
    }
    for (size_t i = 0; i < plan->n_roots; i++)
        if (roots[i])
            each_of_root(plan, i, each, data);
}
