/* SPDX-License-Identifier: Apache-2.0 */
/* cli_rerun: see cli_rerun.h. Not responsible for how that is kept (reports/earlier.c). */
#include "harness/cli/cli_rerun.h"

#include "harness/cli/cli.h"
#include "harness/run/manifest.h"

#include <string.h>

#define EXIT_NOT_RERUN 5
#define NAMES_SHOWN 10

/* Says whether a job that was not needed may be needed this time. */
static bool follows_one(const struct jobs_job *job, const bool *among)
{
    for (size_t i = 0; i < job->n_needs; i++)
        if (among[job->needs[i]])
            return true;
    return false;
}

static size_t mark_plan(const struct reports_earlier *earlier, const struct jobs_plan *plan,
                        bool *among)
{
    cleanup_free char *path = manifest_path_of(plan);
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));
    size_t n = 0;

    jobs_order(plan, order);
    for (size_t k = 0; k < plan->n_jobs; k++) { /* needs come first */
        size_t i = order[k];
        enum reports_earlier_state state = reports_earlier_find(earlier, path, plan->jobs[i].name);

        among[i] = state == REPORTS_EARLIER_NOT_NEEDED ? follows_one(&plan->jobs[i], among)
                                                       : state != REPORTS_EARLIER_PASSED;
        n += among[i];
    }
    return n;
}

/* What is outstanding, looked for in the files at hand. */
struct rerun_names {
    struct jobs_plan *const *plans;
    size_t n_plans;
    char **paths;        /* by plan, as they are noted */
    struct strset *jobs; /* by plan, likewise */
    struct strbuf text;
    size_t n;
};

static void add_name(struct rerun_names *names, const char *job)
{
    if (names->n++ < NAMES_SHOWN) {
        strbuf_adds(&names->text, names->n > 1 ? ", " : "");
        text_add_line(&names->text, job);
    }
}

static void tell_if_gone(void *data, const char *path, const char *job)
{
    struct rerun_names *names = data;

    for (size_t p = 0; p < names->n_plans; p++)
        if (str_eq(names->paths[p], path) && !strset_has(&names->jobs[p], job)) {
            log_warning("'%s' did not pass, and is in %s no longer", job, names->plans[p]->file);
            return;
        }
}

static void add_if_elsewhere(void *data, const char *path, const char *job)
{
    struct rerun_names *names = data;

    for (size_t p = 0; p < names->n_plans; p++)
        if (str_eq(names->paths[p], path))
            return;
    add_name(names, job);
}

static void names_begin(struct rerun_names *names, struct jobs_plan *const *plans, size_t n)
{
    *names = (struct rerun_names){.plans = plans,
                                  .n_plans = n,
                                  .paths = xcalloc(n, sizeof(*names->paths)),
                                  .jobs = xcalloc(n, sizeof(*names->jobs))};
    for (size_t p = 0; p < n; p++) {
        cleanup_free char *path = manifest_path_of(plans[p]);

        names->paths[p] = reports_earlier_escape(path);
        for (size_t i = 0; i < plans[p]->n_jobs; i++) {
            cleanup_free char *job = reports_earlier_escape(plans[p]->jobs[i].name);

            (void)strset_add(&names->jobs[p], job);
        }
    }
}

static void names_end(struct rerun_names *names)
{
    for (size_t p = 0; p < names->n_plans; p++) {
        free(names->paths[p]);
        strset_free(&names->jobs[p]);
    }
    free(names->paths);
    free(names->jobs);
    strbuf_free(&names->text);
}

void cli_rerun_mark(const struct reports_earlier *earlier, struct jobs_plan *const *plans, size_t n,
                    bool **ret_among, size_t *ret_n)
{
    struct rerun_names names;

    *ret_n = 0;
    for (size_t p = 0; p < n; p++) {
        ret_among[p] = xcalloc(plans[p]->n_jobs, sizeof(bool));
        *ret_n += mark_plan(earlier, plans[p], ret_among[p]);
    }
    names_begin(&names, plans, n);
    reports_earlier_each_outstanding(earlier, tell_if_gone, &names);
    names_end(&names);
}

void cli_rerun_note(const struct reports_earlier *earlier, struct jobs_plan *const *plans, size_t n,
                    struct strbuf *to)
{
    strbuf_adds(to, "");
    for (size_t p = 0; p < n; p++) {
        cleanup_free char *path = manifest_path_of(plans[p]);

        reports_earlier_add_file(plans[p]->file, path, to);
    }
    if (earlier != NULL)
        reports_earlier_add_all(earlier, to);
}

int cli_rerun_end(const char *out, struct jobs_plan *const *plans, size_t n)
{
    struct reports_earlier *now = NULL;
    struct jobs_ids *ids;
    struct rerun_names names;
    struct cupel_error err;
    int code = 0;

    if (reports_earlier_read(out, &now, &err) < 0)
        return cli_fail(&err);
    ids = jobs_ids_new(plans, n);
    names_begin(&names, plans, n);
    for (size_t p = 0; p < n; p++) {
        cleanup_free bool *among = xcalloc(plans[p]->n_jobs, sizeof(*among));

        (void)mark_plan(now, plans[p], among);
        for (size_t i = 0; i < plans[p]->n_jobs; i++)
            if (among[i]) {
                cleanup_free char *id = jobs_id(ids, plans[p], &plans[p]->jobs[i]);

                add_name(&names, id);
            }
    }
    reports_earlier_each_outstanding(now, add_if_elsewhere, &names);
    if (names.n > 0) {
        code = EXIT_NOT_RERUN;
        if (names.n > NAMES_SHOWN)
            strbuf_addf(&names.text, " and %zu more", names.n - NAMES_SHOWN);
        log_warning("%zu job%s not rerun, and still outstanding: %s", names.n,
                    names.n == 1 ? " was" : "s were", names.text.data);
    }
    names_end(&names);
    jobs_ids_free(ids);
    reports_earlier_free(now);
    return code;
}
