/* SPDX-License-Identifier: Apache-2.0 */
/* submissions: see submissions.h. */
#include "harness/supervisor/submissions.h"

#include "harness/run/instances.h"

#include <string.h>

/* A submission that is under way. */
struct submission {
    size_t first, n; /* its cases among the run's instances */
    size_t left;     /* of them, without a result */
    const struct jobs_plan *plan;
    const struct jobs_judged *judged;
    /* the instance that they start from, or that has kept one of them from being run as it could
     * not be compiled: of several the first; or INSTANCE_NONE */
    size_t before;
};

struct submissions {
    struct submission *list;
    struct reports_submission *reports; /* of each */
    size_t n;
    size_t *of_instance; /* index into the list, or INSTANCE_NONE */
};

static const struct jobs_judged *judged_of(const struct instance *in)
{
    return in->service == NULL && in->job->of_case != NULL
               ? &in->plan->judged[in->job->of_case->judged]
               : NULL;
}

/* Returns the id of a case without the case's name. */
static const char *id_of(struct arena *arena, const struct instance *of_case)
{
    size_t n = strlen(of_case->id), name = strlen(of_case->job->of_case->name) + 1;

    return n > name && str_eq(of_case->id + n - name + 1, of_case->job->of_case->name)
               ? arena_strndup(arena, of_case->id, n - name)
               : judged_of(of_case)->name;
}

static void describe_submission(struct reports_submission *r, const struct submission *of,
                                const struct run *run, struct arena *arena)
{
    const struct instance *first = &run->instances[of->first];
    const struct jobs_job *job = first->job;
    static const enum reports_score_mode modes[JOBS_SCORE_COUNT] = {
        [JOBS_SCORE_SUM] = REPORTS_SCORE_SUM,
        [JOBS_SCORE_MIN] = REPORTS_SCORE_MIN,
        [JOBS_SCORE_PASS] = REPORTS_SCORE_PASS};

    *r = (struct reports_submission){.id = id_of(arena, first),
                                     .file = first->plan->file,
                                     .values = job->matrix,
                                     .n_groups = of->judged->n_groups};
    r->of = job->group != JOBS_NO_GROUP ? first->plan->groups[job->group].name : of->judged->name;
    if (of->before != INSTANCE_NONE)
        r->from = run->instances[of->before].id;
    r->groups = arena_alloc(arena, r->n_groups * sizeof(*r->groups));
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct jobs_case_group *g = &of->judged->groups[i];

        r->groups[i] = (struct reports_score_group){
            .name = g->name, .parent = g->parent, .points = g->points, .mode = modes[g->score]};
    }
}

struct submissions *submissions_new(const struct run *run, struct arena *arena)
{
    struct submissions *all = xcalloc(1, sizeof(*all));
    const struct jobs_judged *last = NULL;

    for (size_t i = 0; i < run->n_instances; i++) {
        const struct jobs_judged *j = judged_of(&run->instances[i]);

        all->n += j != NULL && j != last;
        last = j != NULL ? j : last;
    }
    if (all->n == 0) {
        free(all);
        return NULL;
    }
    all->list = xcalloc(all->n, sizeof(*all->list));
    all->reports = xcalloc(all->n, sizeof(*all->reports));
    all->of_instance = xcalloc(run->n_instances, sizeof(*all->of_instance));
    all->n = 0;
    last = NULL;
    for (size_t i = 0; i < run->n_instances; i++) {
        const struct instance *in = &run->instances[i];
        const struct jobs_judged *j = judged_of(in);

        all->of_instance[i] = INSTANCE_NONE;
        if (j == NULL)
            continue;
        if (j != last) {
            struct submission *of = &all->list[all->n];

            *of =
                (struct submission){.first = i, .plan = in->plan, .judged = j, .before = in->from};
            describe_submission(&all->reports[all->n++], of, run, arena);
        }
        last = j;
        all->of_instance[i] = all->n - 1;
        all->list[all->n - 1].n++;
        all->list[all->n - 1].left++;
    }
    return all;
}

void submissions_free(struct submissions *all)
{
    if (all == NULL)
        return;
    free(all->list);
    free(all->reports);
    free(all->of_instance);
    free(all);
}

const struct reports_submission *submissions_list(const struct submissions *all, size_t *ret_n)
{
    *ret_n = all != NULL ? all->n : 0;
    return all != NULL ? all->reports : NULL;
}

/* ---- counting up ---- */

/* What became of the job that comes before the cases, as far as that is why they were not run. */
static enum reports_verdict verdict_before(const struct supervisor *s, const struct submission *of)
{
    const struct reports_result *r = of->before != INSTANCE_NONE ? s->results[of->before] : NULL;

    /* what is not run was not, in the end, as something could not be compiled */
    return r == NULL                       ? REPORTS_PASSED
           : r->verdict == REPORTS_NOT_RUN ? REPORTS_COMPILE_ERROR
                                           : r->verdict;
}

static int count_up(struct supervisor *s, size_t number, struct cupel_error *err)
{
    const struct submission *of = &s->submissions->list[number];
    struct reports_submission *r = &s->submissions->reports[number];
    const struct jobs_judged *j = of->judged;
    cleanup_free struct reports_score_case *cases = xcalloc(j->n, sizeof(*cases));

    for (size_t i = 0; i < j->n; i++) {
        const struct jobs_case *c = of->plan->jobs[j->first + i].of_case;

        cases[i] = (struct reports_score_case){.group = c->group, .points = c->points};
    }
    for (size_t i = of->first; i < of->first + of->n; i++) {
        struct reports_score_case *c =
            &cases[(size_t)(s->p.run.instances[i].job - of->plan->jobs) - j->first];

        c->ended = true;
        c->verdict = s->results[i]->verdict;
        c->multiplier = s->results[i]->of_case->multiplier;
    }
    reports_score(r->groups, r->n_groups, cases, j->n, verdict_before(s, of), &r->score);
    if (r->score.first_bad != REPORTS_SCORE_NOBODY)
        r->first_bad = of->plan->jobs[j->first + r->score.first_bad].of_case->name;
    else if (r->score.verdict != REPORTS_PASSED && of->before != INSTANCE_NONE)
        r->first_bad = s->p.run.instances[of->before].id;
    reports_console_submission(s->p.console, r);
    return reports_jsonl_append_submission(s->p.run.out, r, err);
}

int submissions_ended(struct supervisor *s, size_t instance, struct cupel_error *err)
{
    size_t number = s->submissions != NULL ? s->submissions->of_instance[instance] : INSTANCE_NONE;

    if (number == INSTANCE_NONE || --s->submissions->list[number].left > 0)
        return 0;
    return count_up(s, number, err);
}

/* ---- what is not run ---- */

bool submissions_share(const struct supervisor *s, size_t job, size_t other)
{
    const size_t *of = s->submissions != NULL ? s->submissions->of_instance : NULL;

    return of != NULL && of[job] != INSTANCE_NONE && of[job] == of[other];
}

/* What another has not passed by that it was not run either, or that was wrong. */
static bool is_wrong(enum reports_verdict verdict)
{
    return verdict != REPORTS_PASSED && reports_verdict_is_fair(verdict);
}

void submissions_not_run(struct supervisor *s, size_t job, size_t because_of)
{
    struct submissions *all = s->submissions;
    struct submission *of;

    if (all == NULL || all->of_instance[job] == INSTANCE_NONE ||
        submissions_share(s, job, because_of))
        return;
    of = &all->list[all->of_instance[job]];
    if (of->before == INSTANCE_NONE || verdict_before(s, of) == REPORTS_PASSED ||
        because_of < of->before) {
        of->before = because_of;
        all->reports[all->of_instance[job]].from = s->p.run.instances[because_of].id;
    }
}

/* Says why a case is not run after another one of its submission. */
static char *why_after_case(const struct jobs_case *of, const struct jobs_judged *j,
                            const struct jobs_case *other, const struct reports_result *r)
{
    bool all = j->stop == JOBS_STOP_ALL;

    if (r->verdict == REPORTS_NOT_RUN)
        return xstrdup(r->evidence);
    if (all || (j->stop == JOBS_STOP_GROUP && of->group == other->group))
        return xasprintf("'%s' was wrong (%s), and the job says `stop: %s`", other->name,
                         reports_verdict_name(r->verdict), all ? "all" : "group");
    return xasprintf("'%s' was wrong (%s), and group '%s' needs '%s'", other->name,
                     reports_verdict_name(r->verdict), j->groups[of->group].name,
                     j->groups[other->group].name);
}

char *submissions_why_not_run(const struct supervisor *s, size_t job, size_t because_of)
{
    const struct instance *in = &s->p.run.instances[job], *other = &s->p.run.instances[because_of];
    const struct reports_result *r = s->results[because_of];

    if (r == NULL || !is_wrong(r->verdict))
        return NULL;
    if (submissions_share(s, job, because_of))
        return why_after_case(in->job->of_case, judged_of(in), other->job->of_case, r);
    if (other->job->role != JOBS_ROLE_COMPILE ||
        (in->job->of_case == NULL && in->job->role != JOBS_ROLE_COMPILE))
        return NULL;
    if (r->verdict == REPORTS_NOT_RUN)
        return xstrdup(r->evidence);
    return xasprintf("'%s' has failed (%s), so there is nothing to run", other->id,
                     reports_verdict_name(r->verdict));
}
