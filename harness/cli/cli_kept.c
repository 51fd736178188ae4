/* SPDX-License-Identifier: Apache-2.0 */
/* cli_kept: what jobs left (`cupel run --keep-failed`, `--keep all`), as subcommands see it: opened
 * again (shell --failed), listed, removed. */
#include "harness/cli/cli_kept.h"

#include "harness/cli/cli.h"
#include "harness/cli/cli_settings.h"
#include "harness/run/kept.h"
#include "harness/sandbox/sandbox.h"
#include "rootfs-cache/cache.h"

#include <jansson.h>
#include <string.h>

/* ---- opened again ---- */

/* The job as it was: the very root that it had, by its key. */
static int choose_job(struct jobs_plan *plan, const struct kept *k, struct jobs_job **ret,
                      struct cupel_error *err)
{
    size_t reads[JOBS_READS_MAX], n;

    for (size_t i = 0; i < plan->n_jobs; i++) {
        struct jobs_root *root = &plan->roots[plan->jobs[i].root];

        if (!str_eq(plan->jobs[i].name, k->name))
            continue;
        if (k->root[0] != '\0')
            *root =
                (struct jobs_root){.name = k->root, .kind = JOBS_ROOT_CACHED, .config = k->config};
        *ret = &plan->jobs[i];
        n = jobs_reads(plan, i, reads);
        return n == k->below ? 0
                             : cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                                               "of the %zu jobs that '%s' is made of, %u are kept",
                                               n, k->name, k->below);
    }
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "the kept job file has no job '%s'",
                           k->name);
}

static int open_below(int store, const struct kept *k, int *fds, struct cupel_error *err)
{
    for (unsigned i = 0; i < k->below; i++) {
        char name[KEPT_NAME_SIZE];

        fds[i] = kept_open(store, k, kept_below_name(i, name));
        if (fds[i] < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, fds[i],
                                   "cannot open what is kept of the jobs that it started from");
    }
    return 0;
}

static int open_kept(int store, const struct kept *k, struct session_options *o, int *ret_exit,
                     struct cupel_error *err)
{
    cleanup_close int image = kept_open(store, k, "disk");
    int below[JOBS_READS_MAX];
    const struct sandbox_kept kept = {.image = image,
                                      .below = below,
                                      .n_below = k->below,
                                      .dir = k->dir,
                                      .id_base = k->id_base,
                                      .uid = k->uid,
                                      .gid = k->gid,
                                      .caches = k->caches};
    struct jobs_plan *plan = NULL;
    struct jobs_job *job = NULL;
    int r = image < 0
                ? cupel_error_set(err, CUPEL_ERROR_HARNESS, image, "cannot open the kept disk")
                : cli_load_record(kept_open(store, k, "file"), k->file, k->set,
                                  k->out[0] != '\0' ? k->out : NULL, &plan, err);

    if (r == 0)
        r = choose_job(plan, k, &job, err);
    for (unsigned i = 0; i < k->below; i++)
        below[i] = -EBADF;
    if (r == 0)
        r = open_below(store, k, below, err);
    if (r == 0) {
        o->plan = plan;
        o->kept = &kept;
        o->hides = k->out[0] != '\0' ? k->out : NULL;
        o->job = job;
        cli_restore_job(job, NULL, NULL, k->env);
        r = session_shell(o, ret_exit, err);
    }
    for (unsigned i = 0; i < k->below; i++)
        base_closep(&below[i]);
    jobs_plan_free(plan);
    return r;
}

/* Says what is kept of a job; its evidence has words of the job's in it. */
static void say_what(const struct kept *k)
{
    cleanup_strbuf struct strbuf b = {0};

    text_add_line(&b, k->job);
    strbuf_addf(&b, " of run %s: %s%s", k->run, k->verdict, k->evidence[0] != '\0' ? ": " : "");
    text_add_line(&b, k->evidence);
    (void)fprintf(stderr, "cupel: %s\n", b.data);
}

int cli_shell_failed(const struct kept_query *query, struct session_options *options)
{
    cleanup_free char *out = query->out != NULL ? realpath(query->out, NULL) : NULL;
    struct cache *cache = NULL;
    struct kept *k = NULL;
    struct cupel_error err;
    int code = 0, r;

    if (query->out != NULL && out == NULL) {
        (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, errno, "no out directory %s", query->out);
        return cli_fail(&err);
    }
    r = cache_open(&cache, &err);
    if (r == 0)
        r = kept_find(cache_dirfd(cache), query->what, query->run, out, &k, &err);
    if (r == 0) {
        if (isatty(STDERR_FILENO) == 1)
            say_what(k);
        r = open_kept(cache_dirfd(cache), k, options, &code, &err);
    }
    kept_free(k, k != NULL ? 1 : 0);
    cache_close(cache);
    return r < 0 ? cli_fail(&err) : code;
}

/* ---- listed ---- */

static json_t *object_of(const struct kept *k)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:I, s:I}", "run", k->run, "job", k->job, "verdict", k->verdict,
                  "bytes", (json_int_t)k->bytes, "started", (json_int_t)k->when);

    /* refused, and so absent, where they are not UTF-8 */
    (void)json_object_set_new(o, "evidence", json_string(k->evidence));
    (void)json_object_set_new(o, "file", json_string(k->file));
    (void)json_object_set_new(o, "out", json_string(k->out));
    return o;
}

static void print_kept(const struct kept *k)
{
    char size[UNIT_TEXT_SIZE], when[32] = "?";
    cleanup_strbuf struct strbuf job = {0};
    time_t t = (time_t)k->when;
    struct tm tm;

    if (localtime_r(&t, &tm) != NULL)
        (void)strftime(when, sizeof(when), "%F %T", &tm);
    text_add_line(&job, k->job);
    (void)printf("%-24s %-13s %-19s %10s  %s\n", job.data, k->verdict, when,
                 unit_format_size(k->bytes, size), k->run);
}

int cli_list_kept(bool json)
{
    struct cache *cache = NULL;
    struct kept *list = NULL;
    struct cupel_error err;
    size_t n = 0;
    int r = settings_apply();

    if (r != 0)
        return r;
    r = cache_open(&cache, &err);

    if (r == 0)
        r = kept_list(cache_dirfd(cache), &list, &n, &err);
    cache_close(cache);
    if (r < 0)
        return cli_fail(&err);
    if (json) {
        json_t *all = json_array();

        for (size_t i = 0; i < n; i++)
            (void)json_array_append_new(all, object_of(&list[i]));
        (void)text_put_json(json_dumps(all, JSON_INDENT(2)), stdout);
        json_decref(all);
    } else if (n > 0) {
        (void)printf("%-24s %-13s %-19s %10s  %s\n", "JOB", "VERDICT", "STARTED", "SIZE", "RUN");
        for (size_t i = 0; i < n; i++)
            print_kept(&list[i]);
    } else {
        (void)puts("nothing is kept");
    }
    kept_free(list, n);
    return 0;
}

/* ---- removed ---- */

int cli_clean_kept(uint64_t older_than_ns)
{
    int64_t before = (int64_t)time(NULL) - (int64_t)(older_than_ns / NSEC_PER_SEC);
    struct cache *cache = NULL;
    struct kept *list = NULL;
    struct cupel_error err;
    size_t n = 0, removed = 0;
    uint64_t bytes = 0;
    char size[UNIT_TEXT_SIZE];
    int r = cache_open(&cache, &err);

    if (r == 0)
        r = kept_list(cache_dirfd(cache), &list, &n, &err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (older_than_ns > 0 && list[i].when > before)
            continue;
        r = kept_remove(cache_dirfd(cache), &list[i]);
        if (r < 0) {
            (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r, "cannot remove what is kept of %s",
                                  list[i].job);
            break;
        }
        removed++;
        bytes += list[i].bytes;
    }
    kept_free(list, n);
    cache_close(cache);
    if (r < 0)
        return cli_fail(&err);
    (void)printf("%zu kept job%s removed, %s\n", removed, removed == 1 ? "" : "s",
                 unit_format_size(bytes, size));
    return 0;
}
