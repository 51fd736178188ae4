/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_enter: `cupel enter`: a command in a job that is running. */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "harness/rights/rights.h"
#include "harness/run/enterable.h"
#include "harness/session/session.h"
#include "rootfs-cache/cache.h"

#include <string.h>

static const struct cli_command command = {
    .name = "enter",
    .usage = "enter [RUN/]JOB [-- COMMAND...]\n"
             "enter",
    .about = "Runs a shell, or COMMAND, in a job that is running: in its namespaces and control "
             "groups, with its user, "
             "environment and limits, and with no right that the job's own commands do not have. "
             "Ends with the job at "
             "the latest. Without arguments, lists the jobs that can be entered.\n\n"
             "RUN may be left out, or be the beginning of a name, where only one job is meant.\n\n"
             "On a terminal the session gets a terminal of its own, in the job's /dev/pts; "
             "otherwise three pipes.",
    .after = "Exit status: that of the command, 128 + N if signal N ended it or we did, 127 if "
             "there is no such program; 2 "
             "and 3 as with cupel run.",
    .max_words = 1,
    .words = "one job",
    .takes_command = true,
};

static int cmd_enter_list(const struct enterable *all, size_t n)
{
    if (n == 0)
        (void)puts("no job is running");
    for (size_t i = 0; i < n; i++) {
        cleanup_free char *raw =
            xasprintf("%s/%s  pid %d  %s", all[i].run, all[i].job, (int)all[i].init, all[i].file);
        cleanup_strbuf struct strbuf line = {0};

        text_add_line(&line, raw);
        (void)puts(line.data);
    }
    return 0;
}

static bool is_meant(const struct enterable *r, const char *what)
{
    size_t all = strlen(what), job = strlen(r->job);

    if (str_eq(r->job, what))
        return true;
    return all > job && what[all - job - 1] == '/' && str_eq(what + all - job, r->job) &&
           strncmp(r->run, what, all - job - 1) == 0;
}

static int cmd_enter_choose(const struct enterable *all, size_t n, const char *what,
                            const struct enterable **ret, struct cupel_error *err)
{
    const struct enterable *found = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!is_meant(&all[i], what))
            continue;
        if (found != NULL) {
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' is running more than once",
                                  what);
            cupel_error_hint(err, "say which: %s/%s or %s/%s", found->run, found->job, all[i].run,
                             all[i].job);
            return -EINVAL;
        }
        found = &all[i];
    }
    if (found == NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "no job '%s' is running", what);
        cupel_error_hint(err, "`cupel enter` lists those that are");
        return -ESRCH;
    }
    *ret = found;
    return 0;
}

static int find_job(const struct jobs_plan *plan, const char *name, struct jobs_job **ret,
                    struct cupel_error *err)
{
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (str_eq(plan->jobs[i].name, name)) {
            *ret = &plan->jobs[i];
            return 0;
        }
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                           "the run's copy of its job file has no job '%s'", name);
}

static int cmd_enter_job(int store, const struct enterable *r, struct session_options *o,
                         int *ret_exit, struct cupel_error *err)
{
    cleanup_free char *text = xasprintf("file-%zu", r->plan_index);
    struct enterable_handle handle;
    struct jobs_plan *plan = NULL;
    struct jobs_job *job = NULL;
    int e = cli_load_record(enterable_open(store, r, text), r->file, r->set, NULL, &plan, err);

    if (e == 0)
        e = find_job(plan, r->name, &job, err);
    if (e == 0) {
        e = enterable_hold(r, &handle);
        if (e == -ESRCH || e == -ENOENT)
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cannot enter %s/%s: it has ended",
                                  r->run, r->job);
        else if (e < 0)
            (void)cupel_error_set(
                err, CUPEL_ERROR_HARNESS, e,
                "cannot enter %s/%s: its control groups or namespaces cannot be joined", r->run,
                r->job);
    }
    if (e == 0) {
        o->plan = plan;
        o->job = job;
        cli_restore_job(job, r->user, r->workdir, r->env);
        e = session_enter(o, &handle, (const char *const *)r->image, ret_exit, err);
        enterable_release(&handle);
    }
    jobs_plan_free(plan);
    return e;
}

static int find_and_enter(const char *what, struct session_options *o)
{
    struct cache *cache = NULL;
    struct enterable *all = NULL;
    const struct enterable *one;
    struct cupel_error err;
    size_t n = 0;
    int code = 0, r = cache_open(&cache, &err);

    if (r == 0)
        r = enterable_list(cache_dirfd(cache), &all, &n, &err);
    if (r == 0 && what == NULL)
        code = cmd_enter_list(all, n);
    if (r == 0 && what != NULL)
        r = cmd_enter_choose(all, n, what, &one, &err);
    if (r == 0 && what != NULL)
        r = cmd_enter_job(cache_dirfd(cache), one, o, &code, &err);
    enterable_free(all, n);
    cache_close(cache);
    return r < 0 ? cli_fail(&err) : code;
}

int cli_enter(int argc, char **argv)
{
    struct session_options o = {0};
    struct cli_words words;
    int code;

    if (!cli_parse(&command, argc, argv, &o, &words, &code))
        return code;
    if (words.command != NULL && words.n == 0)
        return cli_wrong(&command, "no job before '--'");
    o.command = words.command;
    /* an ordinary user's jobs are in user namespaces of theirs, and so open to them without further
     * rights; root may join any group from where it is */
    if (words.n > 0 && !rights_have())
        rights_join_scope(argv - 1); /* argv[-1]: see main */
    cli_seal(argv - 1);
    return find_and_enter(words.n > 0 ? words.word[0] : NULL, &o);
}
