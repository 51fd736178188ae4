/* SPDX-License-Identifier: Apache-2.0 */
/* roots: see roots.h. Translates what the job file says of a root into a source for the cache, and
 * what an image says of its processes into defaults of the jobs over it. Derived roots are
 * derive.c's. */
#include "harness/prepare/roots.h"

#include "harness/run/instances.h"
#include "harness/run/run.h"
#include "harness/run/run_options.h"

#include <string.h>

static void roots_watcher(void *data, const struct cache_progress *progress)
{
    struct prepared *p = data;

    roots_tell(p->console, progress);
}

static void draw(struct reports_console *console, const struct cache_progress *progress)
{
    struct reports_part parts[CACHE_AT_ONCE_MAX];

    for (size_t i = 0; i < progress->n_at_work; i++)
        parts[i] = (struct reports_part){.number = progress->at_work[i].number,
                                         .done = progress->at_work[i].done,
                                         .total = progress->at_work[i].total};
    reports_console_progress(console,
                             &(struct reports_progress){.what = progress->what,
                                                        .done = progress->done,
                                                        .total = progress->total,
                                                        .layers_done = progress->layers_done,
                                                        .layers = progress->layers,
                                                        .parts = parts,
                                                        .n_parts = progress->n_at_work});
}

void roots_tell(struct reports_console *console, const struct cache_progress *progress)
{
    if (console != NULL && progress->total > 0)
        draw(console, progress);
    else if (console != NULL)
        reports_console_status(console, progress->what);
    else if (progress->total == 0)
        (void)fprintf(stderr, "cupel: %s\n", progress->what);
}

struct cache_source roots_source(const struct jobs_root *root)
{
    static const enum cache_source_kind kinds[] = {
        [JOBS_ROOT_HOST] = CACHE_HOST,   [JOBS_ROOT_SCRATCH] = CACHE_SCRATCH,
        [JOBS_ROOT_TAR] = CACHE_TAR,     [JOBS_ROOT_DEBIAN] = CACHE_DEBIAN,
        [JOBS_ROOT_OCI] = CACHE_OCI,     [JOBS_ROOT_CACHED] = CACHE_NAMED,
        [JOBS_ROOT_IMAGE] = CACHE_IMAGE, [JOBS_ROOT_PATH] = CACHE_PATH,
    };

    return (struct cache_source){.kind = kinds[root->kind],
                                 .name = root->imported != NULL ? root->imported : root->name,
                                 .tar = root->tar,
                                 .sha256 = root->sha256,
                                 .strip = root->strip,
                                 .oci = root->oci,
                                 .image = root->image,
                                 .path = root->path,
                                 .tag = root->tag,
                                 .platform = root->platform,
                                 .suite = root->suite,
                                 .packages = root->packages,
                                 .package_places = root->package_places,
                                 .suite_place = root->suite_place,
                                 .config = root->config};
}

/* What of it can be looked up in passwd alone, for where that is a link (identity.c). A copy lives
 * with the plan and not with the image's configuration, over which a server has jobs without end.
 */
static const char *image_user(const struct jobs_plan *plan, const char *user)
{
    size_t name = strcspn(user, ":"), digits = strspn(user, "0123456789");
    bool numeric = digits == name && user[name] == ':' && user[name + 1] != '\0' &&
                   strspn(user + name + 1, "0123456789") == strlen(user + name + 1);

    return numeric || user[name] == '\0' ? user : arena_strndup(plan->arena, user, name);
}

/* What is said of the processes over a root is said of those over all that is derived from it,
 * which need not be there yet. */
static const struct cache_config *config_below(const struct run *run, const struct instance *in)
{
    size_t index = in->job->root;

    while (in->plan->roots[index].kind == JOBS_ROOT_DERIVED)
        index = in->plan->roots[index].base;
    return run->roots[in->root - in->job->root + index].config;
}

static size_t roots_count(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* The image's entrypoint with the job's `args`, or with its own command when the job has none: as
 * `docker run IMAGE [ARG...]`. */
static int take_image_command(const struct jobs_plan *plan, struct jobs_job *job,
                              const struct cache_config *c, struct cupel_error *err)
{
    const char *const *first = c != NULL ? (const char *const *)c->entrypoint : NULL;
    const char *const *then = (const char *const *)job->steps[0].argv;
    const char **argv;
    size_t n_first = roots_count(first), n_then;

    if (then == NULL && c != NULL)
        then = (const char *const *)c->command;
    n_then = roots_count(then);
    if (n_first + n_then == 0) {
        (void)cupel_error_set(
            err, CUPEL_ERROR_INPUT, 0,
            "%s:%d: job '%s' has no 'run', and its root '%s' does not say what it runs", plan->file,
            job->line, job->name, plan->roots[job->root].name);
        cupel_error_hint(err, "the image has neither Entrypoint nor Cmd; say `run`");
        return -EINVAL;
    }
    argv = arena_alloc(plan->arena, (n_first + n_then + 1) * sizeof(*argv));
    for (size_t i = 0; i < n_first + n_then;
         i++) /* copied: the image's own is gone before the plan is */
        argv[i] = arena_strdup(plan->arena, i < n_first ? first[i] : then[i - n_first]);
    job->steps[0].argv = argv;
    job->runs_image = false;
    return 0;
}

int roots_take_image_defaults(const struct run *run, struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < run_n_prepared(run); i++) {
        const struct instance *in = &run->instances[i];
        const struct cache_config *c = config_below(run, in);
        struct jobs_job *job = instances_job(in);

        if (c != NULL && !job->has_user && c->user != NULL) {
            job->user = image_user(in->plan, c->user);
            job->image_user = c->user;
        }
        if (c != NULL && !job->has_workdir && c->workdir != NULL)
            job->workdir = c->workdir;
        if (job->runs_image)
            r = take_image_command(in->plan, job, c, err);
    }
    return r;
}

static int open_lockfiles(const struct run_options *o, struct prepared *p, struct cupel_error *err)
{
    int r = 0;

    p->note = o->note;
    p->lockfiles = xcalloc(o->n_plans, sizeof(*p->lockfiles));
    p->n_lockfiles = o->n_plans;
    for (size_t i = 0; r == 0 && o->locked && i < o->n_plans; i++)
        r = cache_lockfile_open(o->plans[i]->dir, o->plans[i]->file, &p->lockfiles[i], err);
    return r;
}

int roots_prepare(struct cache *cache, const struct jobs_root *root,
                  const struct cache_lockfile *lockfile, struct cache_root *ret_root,
                  struct cupel_error *err)
{
    struct cache_source source = roots_source(root);

    return lockfile != NULL
               ? cache_prepare_locked(cache, lockfile, root->name, &source, ret_root, err)
               : cache_prepare(cache, &source, ret_root, err);
}

static int make_root(struct prepared *p, const struct instance *in, struct cache_root *roots,
                     const struct cache_lockfile *lockfile, struct cupel_error *err)
{
    size_t index = in->job->root;

    while (in->plan->roots[index].kind == JOBS_ROOT_DERIVED)
        index = in->plan->roots[index].base;
    return roots[index].n_layers > 0
               ? 0
               : roots_prepare(p->cache, &in->plan->roots[index], lockfile, &roots[index], err);
}

static int roots_make_all(struct prepared *p, struct cupel_error *err)
{
    struct run *run = &p->run;
    int r = 0;

    for (size_t i = 0; r == 0 && i < run_n_prepared(run); i++) {
        const struct instance *in = &run->instances[i];

        r = make_root(p, in, run->roots + (in->root - in->job->root), p->lockfiles[in->plan_index],
                      err);
    }
    return r;
}

int roots_make(const struct run_options *options, struct prepared *p, struct cupel_error *err)
{
    int r = open_lockfiles(options, p, err);

    cache_watch(p->cache, roots_watcher, p);
    p->run.roots = xcalloc(p->run.n_roots, sizeof(*p->run.roots));
    if (r == 0)
        r = roots_make_all(p, err);
    if (r == 0)
        r = roots_take_image_defaults(&p->run, err);
    return r;
}

void roots_release(struct prepared *p)
{
    for (size_t i = 0; p->run.roots != NULL && i < p->run.n_roots; i++)
        cache_root_release(&p->run.roots[i]);
    free(p->run.roots);
    p->run.roots = NULL;
    for (size_t i = 0; i < p->n_lockfiles; i++)
        cache_lockfile_close(p->lockfiles[i]);
    free(p->lockfiles);
    p->lockfiles = NULL;
    p->n_lockfiles = 0;
}
