/* SPDX-License-Identifier: Apache-2.0 */
/* cached_results: see cached_results.h. A key is made of all that a job depends on: its root, what
 * the job file says of it, its environment, what is in its inputs, the same of the jobs that it
 * starts from, and the machine. What depends on more than that is never cached (jobs/job_result.c).
 * Inputs are read before the first job, and once more after the last one: what has passed with
 * other ones than those is not kept. Nor is it where they were others in between, as under `git
 * stash`, which the times of their changes tell. */
#include "harness/prepare/cached_results.h"

#include "base/path_list.h"
#include "base/weaken.h"
#include "harness/attempt/environment.h"
#include "harness/run/instances.h"

#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

/* A path whose content was digested; many jobs may have it. */
struct digested {
    const struct jobs_host_path *path;
    char hex[CACHE_KEY_LEN + 1], witness[CACHE_KEY_LEN + 1];
};

struct result_keys {
    struct prepared *p;
    bool is_last;  /* all jobs have ended */
    void *digests; /* tsearch's, of struct digested */
    struct arena *arena;
    const char **texts; /* of one job */
    size_t n;
    struct strbuf witness; /* of the same */
    const char *machine;
};

static int digested_by_path(const void *a, const void *b)
{
    const struct jobs_host_path *x = ((const struct digested *)a)->path;
    const struct jobs_host_path *y = ((const struct digested *)b)->path;
    int r = strcmp(x->path, y->path);

    return r != 0 ? r : (x->trusted > y->trusted) - (x->trusted < y->trusted);
}

static void text_of(struct result_keys *k, const char *text)
{
    k->texts = xrealloc(k->texts, (k->n + 1) * sizeof(*k->texts));
    k->texts[k->n++] = text;
}

/* Adds a list with its length, so that nothing can pass for something else. */
static void texts_of(struct result_keys *k, const char *what, const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    text_of(k, arena_printf(k->arena, "%s %zu", what, n));
    for (size_t i = 0; i < n; i++)
        text_of(k, arena_strdup(k->arena, list[i]));
}

/* The first witness is taken before what it is of is read, and the last one after that: what
 * changes meanwhile is seen by one of the two. */
static int digest_path(const struct result_keys *k, struct digested *d, const char *hidden,
                       struct cupel_error *err)
{
    const struct jobs_host_path *p = d->path;
    int r = 0;

    if (!k->is_last)
        r = cache_witness_path(p->path, p->trusted, hidden, d->witness, err);
    if (r == 0)
        r = cache_digest_path(k->p->cache, p->path, p->trusted, hidden, d->hex, err);
    if (r == 0 && k->is_last)
        r = cache_witness_path(p->path, p->trusted, hidden, d->witness, err);
    return r;
}

/* Adds what is in a file or directory, but nothing of the out directory in there. A link that the
 * job will not follow is not followed here. */
static int content_of(struct result_keys *k, const struct jobs_host_path *path,
                      struct cupel_error *err)
{
    struct digested *d = arena_alloc(k->arena, sizeof(*d));
    void **at;
    struct stat st;
    const char *hidden;
    int r;

    d->path = path;
    at = tfind(d, &k->digests, digested_by_path);
    if (at != NULL) {
        d = *(struct digested **)at;
    } else {
        hidden = stat(path->path, &st) == 0 ? sandbox_hidden_below(k->p->run.hidden, &st) : NULL;
        r = digest_path(k, d, hidden, err);
        if (r < 0)
            return r;
        if (tsearch(d, &k->digests, digested_by_path) == NULL)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot remember a digest");
    }
    text_of(k, d->hex);
    strbuf_adds(&k->witness, d->witness);
    return 0;
}

static int inputs_of(struct result_keys *k, const struct jobs_job *job, struct cupel_error *err)
{
    int r = 0;

    text_of(k, arena_printf(k->arena, "inputs %zu", job->n_inputs));
    for (size_t i = 0; r == 0 && i < job->n_inputs; i++) {
        const struct jobs_input *in = &job->inputs[i];

        text_of(k, in->to);
        text_of(k, arena_printf(k->arena, "%d %d %u", in->mode, in->owner, in->depth));
        if (in->cache > 0)
            text_of(k, "cache"); /* which the description tells; what is in it only saves time */
        else if (in->from == NULL)
            r = cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "an input is of no path");
        else if (!weakened("result-inputs"))
            r = content_of(k, &in->host, err);
        if (in->listed != NULL)
            texts_of(k, "git", path_list_paths(in->listed));
    }
    return r;
}

/* Adds a file that the job file names, if it does. */
static int file_of(struct result_keys *k, const char *what, const struct jobs_host_path *path,
                   struct cupel_error *err)
{
    text_of(k, path->path != NULL ? what : "");
    return path->path != NULL ? content_of(k, path, err) : 0;
}

static int expected_of(struct result_keys *k, struct jobs_expect *e, struct cupel_error *err)
{
    const struct jobs_host_path *path;
    int r = 0;

    for (size_t i = 0; r == 0 && (path = jobs_expect_path(e, i)) != NULL; i++)
        r = file_of(k, "expected", path, err);
    return r;
}

/* A profile was read when the file was loaded, wherever it is. */
static int profile_of(struct result_keys *k, const struct jobs_profile *profile,
                      struct cupel_error *err)
{
    struct jobs_host_path *path = arena_alloc(k->arena, sizeof(*path));

    *path = (struct jobs_host_path){.path = NULL};
    if (profile != NULL)
        *path = (struct jobs_host_path){.path = profile->path, .trusted = strlen(profile->path)};
    return file_of(k, "seccomp", path, err);
}

/* Adds all that one job is, but for what it starts from. */
static int job_of(struct result_keys *k, const struct instance *in, struct cupel_error *err)
{
    const struct jobs_job *job = in->job;
    cleanup_free const char **env = environment_of(&k->p->run, in);
    cleanup_strbuf struct strbuf said = {0};
    int r = jobs_describe(in->plan, (size_t)(job - in->plan->jobs), &said);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot describe a job");
    text_of(k, arena_strndup(k->arena, said.data != NULL ? said.data : "", said.len));
    texts_of(k, "env", env);
    for (size_t i = 0; r == 0 && i < job->n_steps; i++) {
        texts_of(k, "argv", (const char *const *)job->steps[i].argv);
        r = expected_of(k, &job->steps[i].expect, err);
    }
    if (r == 0)
        r = file_of(k, "stdin", &job->stdin_file, err);
    if (r == 0)
        r = profile_of(k, job->seccomp.file, err);
    return r == 0 ? inputs_of(k, job, err) : r;
}

static int key_of(struct result_keys *k, size_t instance, char ret_key[CACHE_KEY_LEN + 1],
                  struct cupel_error *err)
{
    const struct run *run = &k->p->run;
    size_t at = instance;
    int r = 0;

    k->n = 0;
    k->witness.len = 0;
    strbuf_adds(&k->witness, "");
    text_of(k, k->machine);
    for (; r == 0 && at != INSTANCE_NONE; at = run->instances[at].from)
        r = job_of(k, &run->instances[at], err);
    return r < 0 ? r
                 : cache_result_key(k->p->cache, &run->roots[run->instances[instance].root],
                                    k->texts, k->n, ret_key, err);
}

/* What of the machine and of this run a job can notice. */
static const char *machine_of(const struct run *run, struct arena *arena)
{
    struct utsname u;

    if (uname(&u) < 0)
        u = (struct utsname){.release = ""};
    return arena_printf(arena, "cupel %s, %s %s %s, %s, %x%s", CUPEL_VERSION, u.sysname, u.release,
                        u.machine, run->privilege.host ? "root" : "user", run->unenforced_set,
                        run->no_cgroup_view ? ", no view" : "");
}

static struct result_keys keys_new(struct prepared *p)
{
    struct result_keys k = {.p = p, .arena = arena_new()};

    k.machine = machine_of(&p->run, k.arena);
    return k;
}

static void digest_stays(void *node)
{
    (void)node; /* it lies in the arena */
}

static void keys_free(struct result_keys *k)
{
    tdestroy(k->digests, digest_stays);
    free(k->texts);
    free(k->witness.data);
    arena_free(k->arena);
}

/* Verdicts that are kept, whatever they are, are another's business. */
static bool is_looked_after(const struct run *run, size_t instance)
{
    const struct instance *in = &run->instances[instance];

    return in->job->caches_result && in->plan->written != NULL && !kept_verdicts_has(run, instance);
}

int cached_results_find(struct prepared *p, const struct run_options *options,
                        struct cupel_error *err)
{
    struct run *run = &p->run;
    struct result_keys k;
    bool any = false;
    int r = 0;

    for (size_t i = 0; i < run->n_instances; i++)
        any |= is_looked_after(run, i);
    if (!any || options->out == NULL) /* a session runs what it is told to */
        return 0;
    if (run->cached == NULL)
        run->cached = xcalloc(run->n_instances, sizeof(*run->cached));
    k = keys_new(p);
    for (size_t i = 0; r == 0 && i < run->n_instances; i++) {
        struct run_cached *c = &run->cached[i];

        if (!is_looked_after(run, i))
            continue;
        if (key_of(&k, i, c->key, err) < 0) {
            c->key[0] = '\0'; /* it runs, and tells what is wrong */
            r = err->kind == CUPEL_ERROR_INTERRUPTED ? -EINTR : 0;
            continue;
        }
        c->witness = xstrdup(k.witness.data);
        if (!options->no_cache && options->repeat == 0)
            c->found = cache_result_find(p->cache, c->key, &c->before);
    }
    keys_free(&k);
    return r;
}

static bool is_kept(const struct run_cached *c, const struct reports_result *r)
{
    return c->key[0] != '\0' && !c->found && r != NULL && r->verdict == REPORTS_PASSED &&
           r->leaks_in_all == 0 && (r->attempts == 1 || r->repeated);
}

void cached_results_keep(struct prepared *p, struct reports_result *const *results)
{
    struct run *run = &p->run;
    struct result_keys k;
    struct cupel_error err;

    if (run->cached == NULL)
        return;
    k = keys_new(p);
    k.is_last = true;
    for (size_t i = 0; i < run->n_instances; i++) {
        struct cache_result result = {.ended = time(NULL)};

        if (!is_kept(&run->cached[i], results[i]) || key_of(&k, i, result.key, &err) < 0 ||
            !str_eq(result.key, run->cached[i].key) ||
            !str_eq(k.witness.data, run->cached[i].witness))
            continue;
        result.job = (char *)(uintptr_t)results[i]->id;
        result.file = (char *)(uintptr_t)run->instances[i].plan->file;
        result.run = (char *)(uintptr_t)run->id;
        if (cache_result_keep(p->cache, &result, &err) < 0) {
            log_warning("%s", err.message);
            break;
        }
    }
    keys_free(&k);
}

void cached_results_free(struct run *run)
{
    for (size_t i = 0; run->cached != NULL && i < run->n_instances; i++) {
        cache_result_release(&run->cached[i].before);
        free(run->cached[i].witness);
    }
    free(run->cached);
    run->cached = NULL;
}
