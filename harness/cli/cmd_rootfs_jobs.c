/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_rootfs_jobs: those actions of `cupel rootfs` that are about the roots of a job file. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_settings.h"
#include "harness/cli/cmd_rootfs.h"
#include "harness/prepare/prepare.h"
#include "harness/prepare/roots.h"
#include "harness/run/run_options.h"

#include <string.h>

/* Every problem of the file has been printed when this fails; what is left to say is in *err. */
static int load(const char *file, struct jobs_plan **ret_plan, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf problems = {0};
    int r = jobs_load(file, ret_plan, &problems, err);

    if (r < 0 && problems.data != NULL)
        (void)fputs(problems.data, stderr);
    return r;
}

static int find_root(const struct jobs_plan *plan, const char *name, size_t *ret,
                     struct cupel_error *err)
{
    const char **names = xcalloc(plan->n_roots, sizeof(*names));
    const char *nearest;

    for (size_t i = 0; i < plan->n_roots; i++) {
        names[i] = plan->roots[i].name;
        if (str_eq(names[i], name)) {
            free(names);
            *ret = i;
            return 0;
        }
    }
    nearest = str_nearest(name, names, plan->n_roots);
    free(names);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has no root '%.100s'", plan->file, name);
    if (nearest != NULL)
        cupel_error_hint(err, "did you mean '%s'?", nearest);
    return -ENOENT;
}

static bool is_built_in(const struct jobs_root *root)
{
    return root->kind == JOBS_ROOT_HOST || root->kind == JOBS_ROOT_SCRATCH;
}

/* ---- build ---- */

static int build_root(struct cache *cache, const struct jobs_root *root,
                      const struct cache_lockfile *lockfile, struct cupel_error *err)
{
    struct cache_root made = CACHE_ROOT_INIT;
    int r = roots_prepare(cache, root, lockfile, &made, err);

    if (r == 0)
        (void)printf("%s: ready, %zu layer%s\n", root->name, made.n_layers,
                     made.n_layers == 1 ? "" : "s");
    cache_root_release(&made);
    return r;
}

static void tell_derived(void *data, const struct jobs_root *root, size_t n_layers)
{
    (void)data;
    (void)printf("%s: ready, %zu layers\n", root->name, n_layers);
}

/* Builds derived roots as a run would that had a job over each of them. `note`: what they are goes
 * there, or NULL. */
static int build_derived(const struct jobs_plan *plan, const bool *wanted,
                         const struct rootfs_arguments *a, struct cache_lockfile *note,
                         prepare_root_fn *tell, struct cupel_error *err)
{
    static const char text[] = "cupel: 1\njobs: {none: {run: [/bin/true]}}\n";
    cleanup_strbuf struct strbuf problems = {0};
    cleanup_free struct jobs_job *jobs = xcalloc(plan->n_roots, sizeof(*jobs));
    cleanup_free bool *selected = xcalloc(plan->n_roots, sizeof(*selected));
    struct jobs_plan over = *plan, *plans[] = {&over}, *bare = NULL;
    bool *all[] = {selected};
    const struct run_options o = {.plans = plans,
                                  .selected = all,
                                  .n_plans = 1,
                                  .slots = 1,
                                  .retries = -1,
                                  .locked = a->locked,
                                  .note = note,
                                  .allow_host_network = a->allow_host_network};
    size_t n = 0;
    int r = jobs_load_text("rootfs build", text, sizeof(text) - 1, &bare, &problems, err);

    for (size_t i = 0; r == 0 && i < plan->n_roots; i++) {
        if (!wanted[i] || plan->roots[i].kind != JOBS_ROOT_DERIVED)
            continue;
        selected[n] = true;
        jobs[n] = bare->jobs[0];
        jobs[n].name = plan->roots[i].name;
        jobs[n++].root = i;
    }
    over.jobs = jobs;
    over.n_jobs = n;
    if (r == 0 && n > 0)
        r = prepare_make_roots(&o, tell, NULL, err);
    jobs_plan_free(bare);
    return r;
}

/* A wrong name is told before minutes of work. */
static int rootfs_jobs_choose(const struct jobs_plan *plan, char *const *names, bool *wanted,
                              struct cupel_error *err)
{
    size_t which;
    int r = 0;

    for (size_t i = 0; names[0] == NULL && i < plan->n_roots; i++)
        wanted[i] = !is_built_in(&plan->roots[i]);
    for (char *const *name = names; r == 0 && *name != NULL; name++) {
        r = find_root(plan, *name, &which, err);
        if (r == 0)
            wanted[which] = true;
    }
    return r;
}

static int build_all(struct cache *cache, const struct jobs_plan *plan, struct rootfs_arguments *a,
                     struct cupel_error *err)
{
    cleanup_free bool *wanted = xcalloc(plan->n_roots, sizeof(*wanted));
    struct cache_lockfile *lockfile = NULL;
    int r = rootfs_jobs_choose(plan, a->words.word + 1, wanted, err);

    if (r == 0 && a->locked)
        r = cache_lockfile_open(plan->dir, plan->file, &lockfile, err);
    for (size_t i = 0; r == 0 && i < plan->n_roots; i++)
        if (wanted[i] && plan->roots[i].kind != JOBS_ROOT_DERIVED)
            r = build_root(cache, &plan->roots[i], lockfile, err);
    cache_lockfile_close(lockfile);
    return r < 0 ? r : build_derived(plan, wanted, a, NULL, tell_derived, err);
}

int rootfs_build(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    struct jobs_plan *plan;
    int r = load(a->words.word[0], &plan, err);

    if (r < 0)
        return r;
    r = build_all(cache, plan, a, err);
    jobs_plan_free(plan);
    return r;
}

/* ---- lock ---- */

static int lock_root(struct cache *cache, const struct jobs_root *root,
                     struct cache_lockfile *lockfile, struct cupel_error *err)
{
    struct cache_source source = roots_source(root);
    struct cache_root made = CACHE_ROOT_INIT;
    int r = cache_prepare(cache, &source, &made, err);

    if (r == 0)
        r = cache_lockfile_note(lockfile, cache, root->name, &source, &made, err);
    cache_root_release(&made);
    return r;
}

static void tell_difference(void *data, const char *root, const char *difference)
{
    (void)data;
    (void)printf("%s: %s\n", root, difference != NULL ? difference : "as locked");
}

/* Warns of jobs over `host`: what no lock can hold is said, not passed over. */
static void warn_of_host(const struct jobs_plan *plan)
{
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (plan->roots[plan->jobs[i].root].kind == JOBS_ROOT_HOST) {
            log_warning("job '%s' runs over this machine's own files, which no lock can hold: "
                        "cupel run --locked "
                        "refuses it",
                        plan->jobs[i].name);
            return;
        }
}

static void tell_nothing(void *data, const struct jobs_root *root, size_t n_layers)
{
    (void)data;
    (void)root;
    (void)n_layers;
}

static int note_all(struct cache *cache, const struct jobs_plan *plan, struct rootfs_arguments *a,
                    struct cache_lockfile *lockfile, struct cupel_error *err)
{
    cleanup_free bool *wanted = xcalloc(plan->n_roots, sizeof(*wanted));
    int r = rootfs_jobs_choose(plan, (char *const[]){NULL}, wanted, err);

    for (size_t i = 0; r == 0 && i < plan->n_roots; i++)
        if (wanted[i] && plan->roots[i].kind != JOBS_ROOT_DERIVED)
            r = lock_root(cache, &plan->roots[i], lockfile, err);
    return r < 0 ? r : build_derived(plan, wanted, a, lockfile, tell_nothing, err);
}

int rootfs_lock(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    struct cache_lockfile *lockfile = NULL;
    struct jobs_plan *plan;
    size_t differing = 0;
    int r = load(a->words.word[0], &plan, err);

    if (r < 0)
        return r;
    r = cache_lockfile_open(plan->dir, plan->file, &lockfile, err);
    if (r == 0)
        r = note_all(cache, plan, a, lockfile, err);
    if (r == 0)
        differing = cache_lockfile_compare(lockfile, tell_difference, NULL);
    if (r == 0 && !a->check) {
        r = cache_lockfile_write(lockfile, err);
        warn_of_host(plan);
    }
    a->exit = a->check && differing > 0;
    cache_lockfile_close(lockfile);
    jobs_plan_free(plan);
    if (r == 0)
        settings_collect(cache);
    return r;
}
