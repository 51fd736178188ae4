/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_end: see attempt_end.h. */
#include "harness/attempt/attempt_end.h"

#include "harness/attempt/billing.h"
#include "harness/attempt/deadline.h"
#include "harness/attempt/slot.h"

#include <sys/socket.h>

void attempt_note_cause(struct attempt *a, enum attempt_cause cause, bool of_step)
{
    struct attempt_facts *f = a->facts;

    if (f->cause != CAUSE_NONE)
        return; /* the first in time wins */
    f->cause = cause;
    f->cause_step = a->step;
    f->cause_is_step_limit = of_step;
    f->cpu_before_step_ns = a->step_cpu_ns;
    f->cause_ns = clock_monotonic_ns();
    if (a->cgroup != NULL && billing_cpu_ns(a->cgroup, &a->sandbox, f, &f->cpu_at_cause_ns) < 0)
        f->cpu_at_cause_ns = 0;
}

/* Says whether the command of the next step may run though we have not heard of it. */
static bool may_have_begun(const struct attempt *a)
{
    return (a->between_steps || !a->facts->steps[a->step].started) &&
           sandbox_may_have_begun(&a->sandbox);
}

/* Whether PID 1 is to live on, so that `after` runs in the job's sandbox. Where the command only
 * may have begun, PID 1 knows: it says so, or that it could not be executed. */
static bool has_after_to_run(const struct attempt *a)
{
    return a->job->after != NULL && a->has_sandbox && !a->forced &&
           (a->facts->started_ns != 0 || may_have_begun(a));
}

void attempt_kill(struct attempt *a)
{
    bool ends_commands = !a->killed && has_after_to_run(a);

    if (a->ending && !a->forced && clock_monotonic_ns() < a->end_by)
        return; /* more than one thing may strike meanwhile */
    if (ends_commands) {
        sandbox_end_commands(&a->sandbox);
        a->end_by = clock_monotonic_ns() + DEADLINE_LINGER_NS;
    } else if (!a->killed || a->ending) {
        sandbox_kill(&a->sandbox);
    }
    a->ending = ends_commands;
    if (!a->killed && a->cgroup != NULL)
        cgroup_job_lift_brakes(a->cgroup); /* or it would die only when its last read is through */
    a->killed = true;
    a->kill_at = LIMITS_NEVER;
}

/* Says whether there is a command that could care for a signal. */
static bool may_run(const struct attempt *a)
{
    const struct step_facts *s = &a->facts->steps[a->step];

    return (s->started && !s->ended) || may_have_begun(a);
}

void attempt_terminate(struct attempt *a)
{
    if (a->killed || a->kill_at != LIMITS_NEVER)
        return;
    /* PID 1 has the signal wait until it has said that the command began */
    if (!may_run(a) || a->job->timeout_grace == 0) {
        attempt_kill(a);
        return;
    }
    sandbox_terminate(&a->sandbox);
    a->kill_at = clock_monotonic_ns() + a->job->timeout_grace;
}

/* What a job has taken of another is not as it wants it: none of ours, nor of who filled an input.
 */
static bool is_plain_failure(const struct cupel_error *err)
{
    return err->kind == CUPEL_ERROR_INPUT && err->errnum == EUCLEAN;
}

/* Tells whether the job judges submissions: no better one helps where a file of the judge's is
 * wrong. */
static bool is_judged(const struct jobs_job *job)
{
    return job->of_case != NULL || job->role == JOBS_ROLE_COMPILE;
}

enum attempt_cause attempt_cause_of(const struct attempt *a, const struct cupel_error *err)
{
    return err->kind == CUPEL_ERROR_INPUT && !(err->by_author && is_judged(a->job))
               ? CAUSE_SUBMISSION
               : CAUSE_HARNESS;
}

void attempt_fail(struct attempt *a, const struct cupel_error *err)
{
    if (is_plain_failure(err) && a->facts->cause == CAUSE_NONE && !a->has_sandbox) {
        (void)snprintf(a->facts->not_set_up, sizeof(a->facts->not_set_up), "cannot start: %.*s",
                       (int)sizeof(a->facts->not_set_up) - 16, err->message);
        a->facts->steps[0].not_set_up = true;
        return;
    }
    if (a->facts->cause == CAUSE_NONE)
        a->facts->harness = *err;
    attempt_note_cause(a, attempt_cause_of(a, err), false);
    if (a->has_sandbox)
        attempt_kill(a);
}

void attempt_check_losses(struct attempt *a)
{
    struct cupel_error err;

    if (a->facts->cause == CAUSE_CANCELLED || sandbox_lost_writes(a->ctx->stage, &err) == 0)
        return;
    a->facts->cause = CAUSE_NONE;
    a->facts->cause_is_step_limit = false;
    attempt_fail(a, &err);
}

bool attempt_is_stopped(void *data)
{
    const struct attempt_context *ctx = data;
    struct slot_message m;
    ssize_t n = recv(ctx->orders, &m, sizeof(m), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    return n != (ssize_t)sizeof(m) || m.order == ORDER_KILL;
}
