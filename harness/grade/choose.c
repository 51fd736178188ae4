/* SPDX-License-Identifier: Apache-2.0 */
/* choose: which job judges, and what of a file is run for it. Not responsible for the order. */
#include "harness/grade/grade_private.h"
#include "harness/run/run.h"
#include "harness/supervisor/supervisor.h"

#include <string.h>

/* Returns the name of the job that a submission is judged by. */
static const char *job_of(const struct jobs_plan *plan, const struct jobs_judged *j)
{
    return j->n > 0 ? plan->groups[plan->jobs[j->first].group].name : j->name;
}

bool grade_is_judged(const struct grade_chosen *c, const struct jobs_judged *j)
{
    return str_eq(job_of(c->plan, j), c->job);
}

static int refuse_jobs(const struct grade_options *o, const struct jobs_plan *plan,
                       struct cupel_error *err)
{
    cleanup_strbuf struct strbuf names = {0};
    const char *last = "";

    for (size_t i = 0; i < plan->n_judged; i++) {
        const char *name = job_of(plan, &plan->judged[i]);

        if (!str_eq(name, last))
            strbuf_addf(&names, "%s'%s'", *last != '\0' ? ", " : "", name);
        last = name;
    }
    if (plan->n_judged == 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has no job with `cases`", plan->file);
        cupel_error_hint(err, "a job with `cases` judges submissions (docs/grading.md)");
    } else if (o->job != NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' is no job with `cases`: %s has %s",
                              o->job, plan->file, names.data);
    } else {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has several jobs with `cases`: %s",
                              plan->file, names.data);
        cupel_error_hint(err, "say with --job NAME which of them judges");
    }
    return -EINVAL;
}

/* Whether the submissions are told apart by a key of that name. */
static bool has_key(const struct jobs_job *job, const char *key)
{
    size_t n = strlen(key);

    for (const char *const *m = job->matrix; m != NULL && *m != NULL; m++)
        if (strncmp(*m, key, n) == 0 && (*m)[n] == '=')
            return true;
    return false;
}

static int check_key(const struct grade_options *o, const struct grade_chosen *c,
                     struct cupel_error *err)
{
    for (size_t i = 0; o->by != NULL && i < c->plan->n_judged; i++) {
        const struct jobs_judged *j = &c->plan->judged[i];

        if (j->n > 0 && grade_is_judged(c, j) && !has_key(&c->plan->jobs[j->first], o->by))
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                   "--by %s: the matrix of job '%s' has no such key", o->by,
                                   c->job);
    }
    return 0;
}

int grade_choose(const struct grade_options *o, struct jobs_plan *plan, struct grade_chosen *ret,
                 struct cupel_error *err)
{
    cleanup_free bool *among = xcalloc(plan->n_jobs + 1, sizeof(bool));
    struct grade_chosen c = {.plan = plan, .job = o->job};
    const struct jobs_choice choice = {.among = (bool *const[]){among}};
    size_t n = 0;
    int r;

    for (size_t i = 0; i < plan->n_judged; i++) {
        const char *name = job_of(plan, &plan->judged[i]);

        if (c.job == NULL)
            c.job = name;
        if (!str_eq(name, c.job) && o->job == NULL)
            return refuse_jobs(o, plan, err);
        if (!str_eq(name, c.job))
            continue;
        n++;
        for (size_t k = 0; k < plan->judged[i].n; k++)
            among[plan->judged[i].first + k] = true;
    }
    if (n == 0)
        return refuse_jobs(o, plan, err);
    r = check_key(o, &c, err);
    if (r < 0)
        return r;
    c.selected = xcalloc(plan->n_jobs + 1, sizeof(bool));
    r = jobs_select(&plan, 1, &choice, (bool *const[]){c.selected}, err);
    if (r < 0)
        free(c.selected);
    else
        *ret = c;
    return r;
}

void grade_chosen_free(struct grade_chosen *c)
{
    free(c->selected);
    c->selected = NULL;
}

unsigned grade_slots(const struct grade_options *o)
{
    size_t cores = o->run.pins ? cores_count() : 0;

    return cores > 0 && cores < o->run.slots ? (unsigned)cores : o->run.slots;
}

int grade_check(const struct grade_options *o, struct jobs_plan *plan, struct cupel_error *err)
{
    struct class_wanted wanted = {.by = o->by};
    cleanup_free struct reports_submission *list = NULL;
    cleanup_strbuf struct strbuf remarks = {0}; /* known already */
    struct reports_score_group whole = {0};
    struct grade_chosen chosen = {0};
    struct roster *roster = NULL;
    size_t n = 0;
    int r = grade_choose(o, plan, &chosen, err);

    if (r == 0 && o->roster != NULL)
        r = roster_read(o->roster, &roster, &remarks, err);
    list = xcalloc(plan->n_judged + 1, sizeof(*list));
    for (size_t i = 0; r == 0 && i < plan->n_judged; i++) {
        const struct jobs_judged *j = &plan->judged[i];

        if (j->n > 0 && grade_is_judged(&chosen, j))
            list[n++] = (struct reports_submission){.id = j->name,
                                                    .of = chosen.job,
                                                    .file = plan->file,
                                                    .values = plan->jobs[j->first].matrix,
                                                    .groups = &whole,
                                                    .n_groups = 1};
    }
    wanted.roster = roster;
    if (r == 0 && n > 0)
        r = class_check(&wanted, list, n, err);
    roster_free(roster);
    grade_chosen_free(&chosen);
    return r;
}

int grade_run(const struct grade_options *o, const struct grade_chosen *c, const char *out,
              int *ret_exit, struct cupel_error *err)
{
    struct jobs_plan *plans[] = {(struct jobs_plan *)c->plan};
    bool *selected[] = {c->selected};
    struct run_options run = o->run;

    run.plans = plans;
    run.selected = selected;
    run.n_plans = 1;
    run.out = out;
    run.by_submission = !o->verbose;
    return supervisor_run(&run, ret_exit, err);
}
