/* rootfs_jobs: those actions of `cupel rootfs` that are about the roots of a job file. */
#include "harness/cli/cli.h"
#include "harness/cli/rootfs.h"
#include "harness/cli/settings.h"
#include "harness/supervisor/roots.h"

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

static int find_root(const struct jobs_plan *plan, const char *name, size_t *ret, struct cupel_error *err)
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

static int build_root(struct cache *cache, const struct jobs_root *root, struct cupel_error *err)
{
    struct cache_source source = roots_source(root);
    struct cache_root made = CACHE_ROOT_INIT;
    int r = cache_prepare(cache, &source, rootfs_say, NULL, &made, err);

    if (r == 0)
        (void)printf("%s: ready, %zu layer%s\n", root->name, made.n_layers, made.n_layers == 1 ? "" : "s");
    cache_root_release(&made);
    return r;
}

int rootfs_build(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    struct jobs_plan *plan;
    size_t which;
    int r = load(a->words.word[0], &plan, err);

    if (r < 0)
        return r;
    for (int i = 1; r == 0 && i < a->words.n; i++) /* a wrong name is told before minutes of work */
        r = find_root(plan, a->words.word[i], &which, err);
    for (size_t i = 0; r == 0 && a->words.n == 1 && i < plan->n_roots; i++)
        if (plan->roots[i].kind != JOBS_ROOT_HOST && plan->roots[i].kind != JOBS_ROOT_SCRATCH)
            r = build_root(cache, &plan->roots[i], err);
    for (int i = 1; r == 0 && i < a->words.n; i++) {
        r = find_root(plan, a->words.word[i], &which, err);
        if (r == 0)
            r = build_root(cache, &plan->roots[which], err);
    }
    jobs_plan_free(plan);
    if (r == 0)
        settings_collect(cache);
    return r;
}
