/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_collect: see attempt_collect.h. */
#include "harness/attempt/attempt_collect.h"

#include "base/redact.h"
#include "base/weaken.h"
#include "harness/attempt/after.h"
#include "harness/attempt/artifacts.h"
#include "harness/attempt/attempt_end.h"
#include "harness/attempt/attempt_events.h"
#include "harness/attempt/attempt_limits.h"
#include "harness/attempt/billing.h"
#include "harness/attempt/caches.h"
#include "harness/attempt/checker.h"
#include "harness/attempt/coverage.h"
#include "harness/attempt/evidence.h"
#include "harness/attempt/expect_left.h"
#include "harness/attempt/expect_regex.h"
#include "harness/attempt/near_limit.h"
#include "harness/attempt/test_results.h"
#include "harness/run/instances.h"
#include "harness/run/views.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* ---- facts ---- */

/* Turns the steps' places in what the job wrote into those in the logs. */
static void find_logs(struct attempt *a)
{
    for (size_t i = 0; i < a->facts->n_steps; i++) {
        struct step_facts *s = &a->facts->steps[i];

        s->stdout_from = capture_where(&a->capture, 0, s->stdout_from);
        s->stdout_to = capture_where(&a->capture, 0, s->stdout_to);
        s->stderr_from = capture_where(&a->capture, 1, s->stderr_from);
        s->stderr_to = capture_where(&a->capture, 1, s->stderr_to);
    }
}

static void finish_steps(struct attempt *a)
{
    struct step_facts *last = &a->facts->steps[a->step];
    struct cupel_error err;

    last->stdout_to = a->capture.written[0];
    last->stderr_to = a->capture.written[1];
    capture_mark(&a->capture);
    attempt_note_input(a, a->step);
    if (last->ended && a->step + 1 == a->facts->n_steps && a->facts->cause == CAUSE_NONE &&
        attempt_expect(a, a->step, &err) < 0)
        attempt_fail(a, &err);
    checker_take_output(a, last);
    /* `after` writes into the same logs, and may go on with what the last step began */
    if ((a->job->after == NULL || a->capture.over) && capture_finish(&a->capture, &err) < 0)
        attempt_fail(a, &err);
    if (a->capture.redact != NULL && a->job->after == NULL) {
        if (a->forwards) /* the caller may read slowly */
            attempt_drain_output(a);
        find_logs(a);
    }
    if (capture_flush(&a->capture, &err) < 0)
        attempt_fail(a, &err);
}

static void find_victim(struct attempt *a)
{
    struct attempt_facts *f = a->facts;

    if (f->cause != CAUSE_MEMORY && f->cause != CAUSE_AROUND)
        return;
    oom_victim_find(a->ctx->kernel_log, cgroup_job_path(a->cgroup), &f->oom_victim);
    redact_in_place(a->ctx->run->redact, f->oom_victim.command, sizeof(f->oom_victim.command));
    if (f->oom_victim.host_pid != 0 && a->ctx->pids_are_kernels)
        f->oom_victim_pid = observe_pid_inside(&a->observer, f->oom_victim.host_pid);
}

/* Finds out why PID 1 ended before its job did. Its command has PID 1's memory until it is
 * executed, and where the kernel takes that one, it kills both (__oom_kill_process(),
 * mm/oom_kill.c); neither is counted with the job. */
static void find_end_of_init(struct attempt *a)
{
    struct attempt_facts *f = a->facts;
    bool done = f->steps[a->step].ended && facts_next_step(f, a->step) == f->n_steps;

    if (a->quiet)
        return;
    f->has_init_end = true;
    f->init_end = a->sandbox.ended;
    f->init_at = sandbox_setup_at(&a->sandbox);
    if (done || a->killed || f->cause != CAUSE_NONE || a->cgroup == NULL ||
        !WIFSIGNALED(f->init_end) || WTERMSIG(f->init_end) != SIGKILL)
        return;
    f->init_out_of_memory = cgroup_oom_check_init(a->cgroup, a->ctx->around, &f->oom);
    if (f->init_out_of_memory)
        attempt_note_cause(a, f->oom.origin == CGROUP_OOM_OWN ? CAUSE_MEMORY : CAUSE_AROUND, false);
}

void attempt_collect_facts(struct attempt *a)
{
    attempt_receive_events(a); /* what PID 1 said with its last breath */
    (void)billing_init_ns(&a->sandbox, a->facts);
    views_withdraw(a->ctx->view); /* while its pid is still nobody else's */
    if (!a->quiet)
        sandbox_reap(&a->sandbox);
    a->facts->has_max_rss = sandbox_max_rss(&a->sandbox, &a->facts->max_rss);
    a->facts->stack_default = sandbox_stack_default();
    a->facts->ended_ns = clock_monotonic_ns();
    if (a->facts->started_ns != 0 && a->facts->steps[a->step].ended &&
        facts_next_step(a->facts, a->step) == a->facts->n_steps)
        a->facts->ended_ns = a->facts->steps[a->step].ended_ns;
    attempt_take_file(a, a->step);
    attempt_drain_output(a);
    if (a->paired)
        pair_note(&a->pair, &a->facts->pair);
    a->facts->output_bytes = a->capture.written[0] + a->capture.written[1];
    if (a->cgroup != NULL) {
        cgroup_job_usage(a->cgroup, &a->facts->usage);
        billing_add(a->facts);
        (void)attempt_note_oom(a);
        find_end_of_init(a);
        find_victim(a);
        cgroup_around_figures(a->ctx->around, &a->facts->around);
    }
    observe_end(&a->observer);
    uncounted_end(&a->uncounted);
    a->facts->stood_still_ns = a->ctx->standstill.total_ns;
    a->facts->suspended_ns = standstill_suspended(&a->ctx->standstill);
    attempt_settle_limits(a);
    instructions_end(a);
    finish_steps(a);
    attempt_check_losses(a);
}

/* ---- what is taken along ---- */

static void collect_artifacts(struct attempt *a, struct attempt_result *ret)
{
    bool passed = ret->job.verdict == REPORTS_PASSED;
    enum jobs_when when = a->job->artifacts.when;
    struct artifacts_target target = {.out = a->forwards ? a->ctx->run->files : a->ctx->run->out,
                                      .name = a->instance->log_name,
                                      .redact = a->ctx->run->redact,
                                      .stopped = attempt_is_stopped,
                                      .data = a->ctx};
    struct cupel_error err;
    cleanup_close int root = -EBADF;
    int r;

    if (a->job->artifacts.paths.patterns == NULL || a->facts->started_ns == 0)
        return;
    if ((when == JOBS_WHEN_SUCCESS && !passed) || (when == JOBS_WHEN_FAILURE && passed))
        return;
    root = sandbox_open_root(a->ctx->stage, &a->sandbox);
    r = root < 0 ? cupel_error_set(&err, CUPEL_ERROR_HARNESS, root,
                                   "cannot open the finished root for its artifacts")
                 : artifacts_collect(a->job, root, &target, &ret->artifacts, &ret->files,
                                     &ret->notes, &err);
    if (r == 0) /* what was copied may have been read back after it was lost */
        r = sandbox_lost_writes(a->ctx->stage, &err);
    if (r == 0)
        return;
    if (r > 0) {
        const char *why = ret->notes.items[ret->notes.n - 1];

        (void)snprintf(a->facts->artifacts_lost, sizeof(a->facts->artifacts_lost), "%s", why);
        verdict_of_job(a->job, a->facts, &ret->job);
        return;
    }
    strings_add(&ret->notes, xasprintf("artifacts are incomplete: %s", err.message));
    /* a job whose artifacts cannot be kept has not done what it is for; any other verdict stands */
    if (passed) {
        attempt_fail(a, &err);
        verdict_of_job(a->job, a->facts, &ret->job);
    }
}

/* A cache that is not saved is made again by the next run: no job fails for that. Whoever only runs
 * a command of their own in the job's sandbox (`cupel exec`) leaves nothing in its name. */
static void save_caches(struct attempt *a, struct attempt_result *ret)
{
    if (a->caches != NULL && a->has_sandbox && a->facts->started_ns != 0 && !a->forwards)
        caches_save(a->caches, a->ctx, &a->sandbox, ret);
}

/* Takes a snapshot for the jobs that start from this one, which could not run without it. */
static void take_snapshot(struct attempt *a, struct attempt_result *ret)
{
    size_t number = instances_number(a->ctx->run, a->instance);
    struct cupel_error err;

    if (!a->instance->is_base || ret->job.verdict != REPORTS_PASSED)
        return;
    if (caches_note(a->caches, number, &err) < 0 ||
        sandbox_snapshot(a->ctx->stage, &a->sandbox, number, &err) < 0) {
        attempt_fail(a, &err);
        verdict_of_job(a->job, a->facts, &ret->job);
    }
}

/* ---- the result ---- */

/* A time verdict says so in its evidence; of a job that passed, it is worth a remark. */
static void mark_near_limit(struct attempt *a, struct attempt_result *ret)
{
    cleanup_strbuf struct strbuf b = {0};
    size_t n = strlen(ret->job.evidence);

    if (!near_limit_describe(a->job, a->facts, ret->job.verdict, &b)) {
        if (ret->job.verdict == REPORTS_PASSED && a->job->of_case != NULL &&
            near_limit_passed(a->job, a->facts, &b))
            strings_add(&ret->notes, xstrdup(b.data));
        return;
    }
    ret->near_limit = xstrdup(b.data);
    if (ret->job.verdict == REPORTS_PASSED)
        strings_add(&ret->notes, xstrdup(b.data));
    else
        (void)snprintf(ret->job.evidence + n, sizeof(ret->job.evidence) - n, "; %s", b.data);
}

/* Notes that the slot or the machine stood still: whatever the verdict, that is worth a remark. */
static void note_standstill(struct attempt *a, struct attempt_result *ret)
{
    cleanup_strbuf struct strbuf b = {0};

    if (evidence_standstill(a->facts, &b))
        strings_add(&ret->notes, xstrdup(b.data));
}

static void redact_message(const struct redact *redact, char **message)
{
    char *safe = redact_string(redact, *message, true);

    if (safe == NULL)
        return;
    free(*message);
    *message = safe;
}

/* Takes secrets out of what is said: some of it is the job's own words. */
static void redact_result(const struct redact *redact, struct attempt_result *ret)
{
    redact_in_place(redact, ret->job.evidence, sizeof(ret->job.evidence));
    redact_message(redact, &ret->checked.for_staff);
    redact_message(redact, &ret->checked.for_all);
    for (size_t i = 0; i < ret->facts.n_steps; i++)
        redact_in_place(redact, ret->steps[i].evidence, sizeof(ret->steps[i].evidence));
    for (size_t i = 0; i < ret->notes.n; i++) {
        char *safe = redact_string(redact, ret->notes.items[i], true);

        if (safe == NULL)
            continue;
        free(ret->notes.items[i]);
        ret->notes.items[i] = safe;
    }
}

/* Ends the output of a job with `after`, as finish_steps does that of others. */
static void finish_after(struct attempt *a, struct attempt_result *ret)
{
    struct cupel_error err;

    if (a->job->after == NULL)
        return;
    if (capture_finish(&a->capture, &err) < 0 || capture_flush(&a->capture, &err) < 0)
        strings_add(&ret->notes, xasprintf("the output of `after` is incomplete: %s", err.message));
    if (a->capture.redact != NULL)
        find_logs(a);
}

void attempt_judge(struct attempt *a, struct attempt_result *ret)
{
    verdict_of_job(a->job, a->facts, &ret->job);
    if (weakened("verdict-channel") && capture_has(&a->capture, "\"verdict\":\"passed\""))
        ret->job.verdict = REPORTS_PASSED;
    if (!expect_left_asks(a->job)) /* else there is more to be looked at first */
        checker_ask(a, ret);
    after_run(a, ret);
    finish_after(a, ret);
    services_end(a);
    if (a->facts->service.text[0] != '\0') {
        verdict_of_job(a->job, a->facts, &ret->job);
        if (ret->job.verdict == REPORTS_PASSED)
            strings_add(&ret->notes, xstrdup(a->facts->service.text));
    }
    expect_left_check(a, ret);
    if (expect_left_asks(a->job))
        checker_ask(a, ret);
    test_results_collect(a, ret);
    coverage_collect(a, ret);
    collect_artifacts(a, ret);
    save_caches(a, ret);
    take_snapshot(a, ret);
    if (a->sandbox.network_lost)
        strings_add(&ret->notes,
                    xstrdup("the network was lost while the job ran: pasta had ended by itself"));
    mark_near_limit(a, ret);
    note_standstill(a, ret);
    ret->steps = xcalloc(a->facts->n_steps, sizeof(*ret->steps));
    for (size_t i = 0; i < a->facts->n_steps; i++)
        verdict_of_step(a->job, a->facts, i, &ret->job, &ret->steps[i]);
    if (a->ctx->run->redact != NULL)
        redact_result(a->ctx->run->redact, ret);
}
