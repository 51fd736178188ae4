/* SPDX-License-Identifier: Apache-2.0 */
/* outcomes: see outcomes.h. */
#include "harness/supervisor/outcomes.h"

#include "harness/attempt/results.h"
#include "harness/attempt/verdict.h"
#include "harness/run/instances.h"
#include "harness/supervisor/alone.h"
#include "harness/supervisor/delayed.h"
#include "harness/supervisor/submissions.h"

/* Keeps only the first report failure, which is told when the run ends. */
static void report_failure(struct supervisor *s, const struct cupel_error *err)
{
    if (!s->report_failed)
        s->report_error = *err;
    s->report_failed = true;
}

static void write_result(struct supervisor *s, const struct reports_result *r)
{
    struct cupel_error err;

    if (reports_jsonl_append(s->p.run.out, r, &err) < 0)
        report_failure(s, &err);
}

/* Says whether both are instances of one job with a matrix. */
static bool is_sibling(const struct supervisor *s, size_t job, size_t of)
{
    const struct instance *a = &s->p.run.instances[job], *b = &s->p.run.instances[of];

    return a->plan_index == b->plan_index && a->job->group != JOBS_NO_GROUP &&
           a->job->group == b->job->group;
}

static void skip_one(void *data, size_t job, size_t because_of);
static bool is_retried(const struct supervisor *s, const struct jobs_job *job,
                       const struct reports_result *r);

/* Lets go of all of a final result that is not needed any more; attempts before it are rare, and
 * stay as they are. */
static void shrink(struct supervisor *s, size_t instance)
{
    if (s->results[instance]->n_previous > 0)
        return;
    s->results[instance] =
        results_keep(s->results[instance], s->p.run.instances[instance].job, s->kept, s->last_kept);
    s->last_kept = s->results[instance];
    arena_free(s->arenas[instance]);
    s->arenas[instance] = NULL;
}

/* Whether a result would be no other one another time, as far as anybody can tell: nothing has cut
 * it short, and where it is near its limit of time for what ran beside it, it was tried again. */
static bool is_settled(const struct supervisor *s, const struct jobs_job *job,
                       const struct reports_result *r)
{
    return !is_retried(s, job, r) && (!alone_is_worth_it(job, r) || r->n_previous > 0);
}

/* Publishes the final result of an instance; no further attempt follows. */
static void outcomes_announce(struct supervisor *s, size_t instance)
{
    struct cupel_error err;

    write_result(s, s->results[instance]);
    if (is_settled(s, s->p.run.instances[instance].job, s->results[instance]))
        kept_verdicts_add(&s->p, instance, s->results[instance]);
    if (submissions_ended(s, instance, &err) < 0)
        report_failure(s, &err);
    reports_console_finished(s->p.console, s->results[instance]);
    snapshot_needs_ended(s->bases, instance);
    shrink(s, instance);
}

/* A job that others wait for runs once with --repeat: they start from what it has left. */
static unsigned repetitions(const struct supervisor *s, size_t instance)
{
    return s->options->repeat > 0 && !schedule_is_needed(s->schedule, instance) ? s->options->repeat
                                                                                : 1;
}

static unsigned outcomes_retries(const struct supervisor *s, const struct jobs_job *job)
{
    if (job->network == JOBS_NETWORK_BRIDGE) /* its neighbours are gone */
        return 0;
    return s->options->retries >= 0 ? (unsigned)s->options->retries : job->retries;
}

unsigned outcomes_attempts_max(const struct supervisor *s, size_t instance)
{
    unsigned n = repetitions(s, instance);

    if (s->options->repeat == 0)
        return outcomes_retries(s, s->p.run.instances[instance].job) + 1;
    return n == RUN_UNBOUNDED ? 0 : n;
}

/* Says whether an attempt that is not stored yet is one of --repeat, and not the last: it passed,
 * and all that is kept of it, where the run goes on, is that it was. */
static bool is_repeated(const struct supervisor *s, size_t instance, const struct reports_result *r)
{
    const struct reports_result *before = s->results[instance];

    return r->verdict == REPORTS_PASSED && r->cached_run == NULL &&
           r->attempts + (before != NULL ? before->attempts : 0) < repetitions(s, instance);
}

/* Lets an attempt of --repeat take the place of those before it, which have passed. */
static void replace(struct supervisor *s, size_t instance, struct reports_result *r)
{
    r->repeated = true;
    r->attempts += s->results[instance]->attempts;
    arena_free(s->arenas[instance]);
}

/* An attempt, or that there was none: what was before it becomes its history. */
static void outcomes_store(struct supervisor *s, size_t instance, struct reports_result *r,
                           struct arena *arena)
{
    r->attempts_max = outcomes_attempts_max(s, instance);
    if (s->results[instance] != NULL && s->options->repeat > 0) {
        replace(s, instance, r);
    } else if (s->results[instance] != NULL) {
        results_follow(r, s->results[instance], arena);
        arena_join(arena, s->arenas[instance]);
    }
    s->results[instance] = r;
    s->arenas[instance] = arena;
}

/* Why a job has fewer attempts than it was promised. */
static void note_unretried(struct supervisor *s, struct reports_result *r, struct arena *arena)
{
    const char *why = s->cancelled > 0 ? "the run was cancelled"
                      : s->time_up     ? "the run's time was over (--timeout)"
                      : s->options->until_fail
                          ? "another job did not pass, and --until-fail was given"
                          : "--fail-fast ended the run";
    cleanup_free char *note =
        r->attempts_max == 0 ? xasprintf("not run again after attempt %u: %s", r->attempts, why)
                             : xasprintf("not run again after attempt %u of %u: %s", r->attempts,
                                         r->attempts_max, why);

    results_add_note(r, arena, note);
}

/* Returns whether it is: of a case, only where that may be the machine's doing. One that did not
 * count as an attempt (no slot could be started) is not made good by more of them. */
static bool is_retried(const struct supervisor *s, const struct jobs_job *job,
                       const struct reports_result *r)
{
    return s->options->repeat == 0 && r->cached_run == NULL && r->attempts > r->n_previous &&
           r->attempts < r->attempts_max &&
           (verdict_is_retried(job, r->verdict, r->exit) ||
            (job->of_case != NULL && alone_is_worth_it(job, r)));
}

/* One that may be near its limit for what runs beside it has the machine for itself, when all
 * others that are ready have had their turn: they would have to end before. */
static void try_again(struct supervisor *s, size_t instance, const struct reports_result *r)
{
    const struct jobs_job *job = s->p.run.instances[instance].job;
    bool alone = alone_is_worth_it(job, r);

    reports_console_retried(s->p.console, r);
    if (alone)
        schedule_set_alone(s->schedule, instance);
    if (job->retry_delay > 0)
        delayed_add(s, instance, job->retry_delay);
    else if (alone)
        schedule_repeat(s->schedule, instance);
    else
        schedule_again(s->schedule, instance);
}

/* An attempt ended. It is run again only while the run goes on: a retry is a new start like any
 * other. */
static void outcomes_finish(struct supervisor *s, size_t instance, struct reports_result *r,
                            struct arena *arena)
{
    const struct instance *in = &s->p.run.instances[instance];
    enum schedule_outcome outcome = r->verdict == REPORTS_PASSED ? SCHEDULE_PASSED
                                    : r->harmless                ? SCHEDULE_ALLOWED
                                                                 : SCHEDULE_FAILED;
    bool repeated = is_repeated(s, instance, r);

    outcomes_store(s, instance, r, arena);
    if (repeated && !s->stopping) {
        schedule_repeat(s->schedule, instance);
        return;
    }
    if (is_retried(s, in->job, r) && !s->stopping) {
        try_again(s, instance, r);
        return;
    }
    if (s->options->repeat == 0 && r->cached_run == NULL)
        alone_tell(in->job, r, arena);
    if (repeated || is_retried(s, in->job, r))
        note_unretried(s, r, arena);
    outcomes_announce(s, instance);
    s->n_failed += outcome == SCHEDULE_FAILED;
    if (s->options->fail_fast > 0 && s->n_failed >= s->options->fail_fast)
        s->stopping = true;
    schedule_ended(s->schedule, instance, outcome, skip_one, s);
}

/* Records a job that did not run; the schedule already counts it as ended. */
static void record_unrun(struct supervisor *s, size_t instance, enum reports_verdict verdict,
                         const char *evidence, bool harmless)
{
    struct arena *arena;
    struct reports_result *r =
        results_unrun(&s->p.run, &s->p.run.instances[instance], verdict, evidence, &arena);

    r->harmless = harmless;
    outcomes_store(s, instance, r, arena);
    outcomes_announce(s, instance);
}

/* Says whether `job` needs `need`, and after what of it it runs; if not, it is on a bridge with it.
 */
static bool is_needed(const struct supervisor *s, size_t job, size_t need, enum jobs_need *ret_when)
{
    const struct instance *in = &s->p.run.instances[job], *of = &s->p.run.instances[need];

    for (size_t i = 0; i < in->job->n_needs; i++)
        if (&in->plan->jobs[in->job->needs[i]] == of->job) {
            *ret_when = in->job->needs_when[i];
            return true;
        }
    return false;
}

/* Says why a job is skipped; `need` is the result of what it needs. Malloc'ed. */
static char *why_skipped(const struct supervisor *s, size_t job, size_t because_of,
                         const struct reports_result *need)
{
    const char *name = s->p.run.instances[because_of].job->name;
    enum jobs_need when = JOBS_NEED_SUCCESS;
    bool skipped = need == NULL || need->verdict == REPORTS_SKIPPED,
         needed = is_needed(s, job, because_of, &when), sibling = is_sibling(s, job, because_of);

    if (submissions_share(s, job, because_of))
        return xasprintf("comes after '%s', which did not come to a verdict (%s)", name,
                         need != NULL ? reports_verdict_name(need->verdict) : "skipped");
    if (sibling && need != NULL && !needed)
        return xasprintf("'%s', of the same job, did not pass (%s), and the job says fail-fast",
                         name, reports_verdict_name(need->verdict));
    if (needed && when == JOBS_NEED_FAILURE)
        return xasprintf("only for the case that '%s' fails, and it %s", name,
                         skipped ? "was skipped" : "did not");
    if (!needed)
        return xasprintf("starts together with '%s' of its bridge, which was skipped", name);
    if (skipped)
        return xasprintf("needs '%s', which was skipped", name);
    return xasprintf("%s '%s', which did not pass (%s)", need->harmless ? "starts from" : "needs",
                     name, reports_verdict_name(need->verdict));
}

static void skip_one(void *data, size_t job, size_t because_of)
{
    struct supervisor *s = data;
    const struct reports_result *need = s->results[because_of];
    bool harmless = need != NULL && (need->verdict == REPORTS_PASSED || need->harmless);
    cleanup_free char *not_run = submissions_why_not_run(s, job, because_of), *evidence = NULL;

    if (not_run != NULL) {
        submissions_not_run(s, job, because_of);
        record_unrun(s, job, REPORTS_NOT_RUN, not_run, harmless);
        return;
    }
    evidence = why_skipped(s, job, because_of, need);
    record_unrun(s, job, REPORTS_SKIPPED, evidence, harmless);
}

void outcomes_abandon(void *data, size_t job)
{
    struct supervisor *s = data;

    /* it waited for its next attempt; what is known of it is the last one */
    if (s->results[job] != NULL) {
        note_unretried(s, s->results[job], s->arenas[job]);
        outcomes_announce(s, job);
    } else if (s->cancelled > 0) {
        record_unrun(s, job, REPORTS_CANCELLED, "cancelled by the user before it started", false);
    } else if (s->time_up) {
        record_unrun(s, job, REPORTS_CANCELLED,
                     "not started before the run's time was over (--timeout)", false);
    } else if (s->options->until_fail) {
        record_unrun(s, job, REPORTS_SKIPPED,
                     "another job did not pass, and --until-fail was given", false);
    } else if (s->options->fail_fast == 1) {
        record_unrun(s, job, REPORTS_SKIPPED,
                     "an earlier job did not pass, and --fail-fast was given", false);
    } else {
        cleanup_free char *evidence =
            xasprintf("%u jobs did not pass, and --fail-fast=%u was given", s->n_failed,
                      s->options->fail_fast);

        record_unrun(s, job, REPORTS_SKIPPED, evidence, false);
    }
}

void outcomes_unrun(struct supervisor *s, size_t instance, const char *evidence, unsigned attempts)
{
    struct arena *arena;
    struct reports_result *r =
        results_unrun(&s->p.run, &s->p.run.instances[instance], REPORTS_ERROR, evidence, &arena);

    r->attempts = attempts;
    outcomes_finish(s, instance, r, arena);
}

/* Reports that a job has passed before; of its steps, those that ran then. */
static void report_passed(struct supervisor *s, size_t instance)
{
    const struct instance *in = &s->p.run.instances[instance];
    const struct cache_result *before = &s->p.run.cached[instance].before;
    struct arena *arena;
    struct reports_result *r = results_unrun(&s->p.run, in, REPORTS_PASSED, "", &arena);

    for (size_t i = 0; i < r->n_cases; i++)
        if (in->job->steps[i].when == JOBS_STEP_FAILURE)
            r->cases[i].verdict = REPORTS_SKIPPED;
    r->cached_run = before->run;
    r->cached_at = before->ended;
    outcomes_make_room(s, instance);
    outcomes_finish(s, instance, r, arena);
}

/* Reports what was kept of a job, as it was. What is known of it by its file is what it is now. */
static void report_kept(struct supervisor *s, size_t instance)
{
    const struct instance *in = &s->p.run.instances[instance];
    struct arena *arena = arena_new();
    struct reports_result *r = arena_alloc(arena, sizeof(*r));
    struct cupel_error err;

    if (kept_verdicts_restore(&s->p, instance, arena, r, &err) < 0) {
        arena_free(arena);
        outcomes_unrun(s, instance, err.message, 0);
        return;
    }
    r->cached_run = s->p.run.cached[instance].before.run;
    r->cached_at = s->p.run.cached[instance].before.ended;
    results_describe(&s->p.run, in, arena, r);
    for (size_t i = 0; i < r->n_previous; i++)
        results_describe(&s->p.run, in, arena, (struct reports_result *)(uintptr_t)r->previous[i]);
    outcomes_finish(s, instance, r, arena);
}

void outcomes_cached(struct supervisor *s, size_t instance)
{
    if (kept_verdicts_has(&s->p.run, instance))
        report_kept(s, instance);
    else
        report_passed(s, instance);
}

void outcomes_take(struct supervisor *s, struct wire_result *w)
{
    const struct instance *in = &s->p.run.instances[w->instance];
    struct reports_result *r = arena_alloc(w->arena, sizeof(*r));
    struct cupel_error err;

    *r = w->result;
    r->attempts = 1;
    results_describe(&s->p.run, in, w->arena, r);
    results_name_logs(in, w->has_stdout, w->has_stderr, "logs", w->arena, r);
    if (!s->options->overcommit)
        goods_note(&s->stock, s->room[w->result.slot - 1], in, w->arena, r);
    if (in->job->slots > s->options->slots) {
        cleanup_free char *note =
            xasprintf("it takes %u slots, and there %s %u (-j): it ran alone", in->job->slots,
                      s->options->slots == 1 ? "is" : "are", s->options->slots);

        results_add_note(r, w->arena, note);
    }
    if (r->tests != NULL && (s->stopping || !is_repeated(s, w->instance, r)) &&
        reports_out_keep_tests(s->p.run.out, r->tests, &err) < 0)
        report_failure(s, &err);
    outcomes_finish(s, w->instance, r, w->arena);
    if (s->arenas[w->instance] != NULL) { /* one of several attempts */
        results_shorten(s->results[w->instance], w->arena);
        if (r->tests != NULL)
            r->tests->data = NULL;
    }
    arena_free(w->lists);
}

/* What its service wrote at the last attempt is kept with what the job wrote. */
static void make_room_for_service(struct supervisor *s, const struct instance *of,
                                  const struct instance *service)
{
    const struct reports_result *before = s->results[instances_number(&s->p.run, of)];
    struct cupel_error err;

    if (before != NULL && s->options->repeat == 0 &&
        reports_out_keep_logs(s->p.run.out, service->log_name, before->attempts, &err) < 0)
        report_failure(s, &err);
    results_forget_earlier(&s->p.run, service);
}

void outcomes_make_room(struct supervisor *s, size_t instance)
{
    const struct instance *in = &s->p.run.instances[instance];
    struct cupel_error err;

    if (s->results[instance] != NULL && s->options->repeat == 0 &&
        results_keep_logs(&s->p.run, in, s->arenas[instance], s->results[instance], &err) < 0)
        report_failure(s, &err);
    results_forget_earlier(&s->p.run, in);
    for (size_t i = 0; i < jobs_services_count(in->job); i++)
        make_room_for_service(s, in, &s->p.run.instances[in->services + i]);
}

/* ---- reports ---- */

int outcomes_exit_code(const struct supervisor *s)
{
    int code = 0;

    if (s->cancelled > 0)
        return 130;
    for (size_t i = 0; i < s->p.run.n_instances; i++) {
        if (s->results[i]->verdict == REPORTS_ERROR)
            return CUPEL_ERROR_HARNESS;
        if (s->results[i]->verdict != REPORTS_PASSED && !s->results[i]->harmless)
            code = 1;
    }
    return code;
}

void outcomes_expect(struct supervisor *s)
{
    struct cupel_error err;

    reports_junit_expect();
    if (run_record_hash(&s->p, &err) < 0)
        report_failure(s, &err);
}

int outcomes_report(struct supervisor *s, struct cupel_error *err)
{
    char hostname[128] = "localhost";
    struct reports_run run = {
        .name = s->options->plans[0]->name,
        .results = s->results,
        .n_results = s->p.run.n_instances,
        .submissions = submissions_list(s->submissions, &run.n_submissions),
        .interrupted = s->cancelled > 0,
        .wall_ns = clock_monotonic_ns() - s->started_ns,
    };
    int r;

    (void)gethostname(hostname, sizeof(hostname) - 1);
    run.hostname = hostname;
    r = run_record_end(&s->p,
                       s->cancelled > 0 ? REPORTS_INTERRUPTED
                       : s->time_up     ? REPORTS_TIME_OVER
                                        : REPORTS_FINISHED,
                       s->results, err);
    if (r == 0)
        r = reports_junit_write(s->p.run.out, &run, err);
    reports_console_summary(s->p.console, &run);
    if (r == 0)
        r = reports_out_check(s->p.run.out, &run, err);
    if (r == 0 && s->report_failed) {
        *err = s->report_error;
        r = -EIO;
    }
    return r;
}
