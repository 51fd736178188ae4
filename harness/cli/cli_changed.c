/* SPDX-License-Identifier: Apache-2.0 */
/* cli_changed: see cli_changed.h. Not responsible for what has changed (git_changes.c). */
#include "harness/cli/cli_changed.h"

#include "harness/cli/cli.h"
#include "harness/cli/git_changes.h"
#include "harness/run/manifest.h"

static bool reads_changed(const struct git_changes *c, const char *path)
{
    return path != NULL && git_changes_touch(c, path);
}

/* Looks at the job's own files, its root left aside. */
static bool has_changed(const struct git_changes *c, const struct jobs_job *job)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        if (reads_changed(c, job->inputs[i].host.path))
            return true;
    for (size_t i = 0; i < job->n_steps; i++)
        if (reads_changed(c, job->steps[i].expect.stdout_file.path))
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

/* Says whether the job file is another one, or one of those that it includes. */
static bool has_changed_file(const struct git_changes *c, const struct jobs_plan *plan)
{
    cleanup_free char *file = manifest_path_of(plan);
    bool is = git_changes_touch(c, file);

    for (size_t i = 0; i < plan->n_inclusions && !is; i++)
        is = git_changes_touch(c, plan->inclusions[i].path);
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

int cli_changed_mark(const char *ref, struct jobs_plan *const *plans, size_t n, bool *const *among,
                     size_t *ret_n)
{
    struct git_changes c = {0};
    struct cupel_error err;

    *ret_n = 0;
    for (size_t p = 0; p < n; p++) {
        cleanup_free bool *changed = xcalloc(plans[p]->n_jobs, sizeof(*changed));

        if (p == 0 || !str_eq(plans[p]->dir, plans[p - 1]->dir)) {
            git_changes_free(&c);
            if (git_changes_find(plans[p]->dir, ref, &c, &err) < 0)
                return cli_fail(&err);
        }
        mark_changed(&c, plans[p], changed);
        mark_what_needs_them(plans[p], changed);
        for (size_t i = 0; i < plans[p]->n_jobs; i++) {
            among[p][i] = among[p][i] && changed[i];
            *ret_n += among[p][i];
        }
    }
    git_changes_free(&c);
    return 0;
}
