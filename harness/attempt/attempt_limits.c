/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_limits: see attempt_limits.h.
 *
 * Deadlines are kept here and not in the supervisor: nothing that the supervisor does (writing a
 * report, drawing a screen, serving sixty-three other slots) can then delay a kill. */
#include "harness/attempt/attempt_limits.h"

#include "harness/attempt/attempt_end.h"
#include "harness/attempt/billing.h"
#include "harness/attempt/deadline.h"

#include <poll.h>

#define CPU_CHECK_MIN_NS (500 * NSEC_PER_USEC)

/* ---- CPU and memory ---- */

struct limits_view attempt_limits(const struct attempt *a)
{
    const struct step_facts *s = &a->facts->steps[a->step];

    return (struct limits_view){
        .job = &a->job->limits,
        .step = &a->job->steps[a->step].limits,
        .unenforced = a->ctx->run->unenforced_set,
        .job_started_ns = a->facts->started_ns,
        .step_started_ns = s->started ? s->started_ns : 0,
        .step_cpu_ns = a->step_cpu_ns,
        .step_output = {s->stdout_from, s->stderr_from},
    };
}

void attempt_check_cpu(struct attempt *a, uint64_t now)
{
    struct limits_view v = attempt_limits(a);
    uint64_t used, left, wait;
    bool of_step;

    a->check_cpu_at = LIMITS_NEVER;
    if (a->cgroup == NULL || billing_cpu_ns(a->cgroup, &a->sandbox, a->facts, &used) < 0)
        return;
    left = limits_cpu_kill_left(&v, used, &of_step);
    if (left == LIMITS_NEVER)
        return;
    if (left == 0) {
        attempt_note_cause(a, CAUSE_CPU, of_step);
        attempt_kill(a);
        return;
    }
    wait = limits_cpu_lasts(&v, left, a->ctx->run->cpus);
    a->check_cpu_at = now + (wait < CPU_CHECK_MIN_NS ? CPU_CHECK_MIN_NS : wait);
}

bool attempt_note_oom(struct attempt *a)
{
    struct cgroup_oom oom;

    if (!cgroup_oom_check(a->cgroup, a->ctx->around, &oom))
        return false;
    if (a->facts->cause == CAUSE_NONE) {
        a->facts->oom = oom;
        footprint_glance(a->cgroup, a->facts); /* on v1, whoever is not killed is still there */
    }
    attempt_note_cause(a, oom.origin == CGROUP_OOM_OWN ? CAUSE_MEMORY : CAUSE_AROUND, false);
    return true;
}

void attempt_check_oom(struct attempt *a)
{
    if (attempt_note_oom(a))
        attempt_kill(a); /* v2 has done so already (memory.oom.group); v1 has no such thing */
}

/* ---- deadlines ---- */

uint64_t attempt_held_back(void *data)
{
    const struct attempt *a = data;
    struct cgroup_around_figures f;

    cgroup_around_figures(a->ctx->around, &f);
    return f.throttled_ns;
}

/* A limit of time that passed at `deadline`: the job has had its time only if it had it while we
 * looked after it. Stopped with all of us for `still_ns`, or running on alone, it cannot be said
 * what it would have done. */
static enum attempt_cause passed_deadline(uint64_t now, uint64_t still_ns, uint64_t deadline)
{
    return now - still_ns < deadline ? CAUSE_STOOD_STILL : CAUSE_WALL;
}

static struct deadline next_deadline(const struct attempt *a)
{
    return deadline_next(a->job, a->facts, a->ctx->run->unenforced_set, a->step, a->ordered_ns,
                         a->sandbox.copying_ns, a->heard_ns);
}

/* Fails an attempt whose set-up is stuck: what nobody of the job can have caused is the harness's.
 */
static void fail_stuck_set_up(struct attempt *a)
{
    struct cupel_error err;

    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, 0,
                          "set-up had not ended %u s after the wall limit: it is at '%s'",
                          (unsigned)((SANDBOX_SET_UP_NS + a->sandbox.copying_ns) / NSEC_PER_SEC),
                          sandbox_setup_at(&a->sandbox));
    attempt_fail(a, &err);
}

void attempt_heard(struct attempt *a, uint64_t at_ns)
{
    a->heard_ns = at_ns;
    a->heard_still_ns = a->ctx->standstill.total_ns;
}

/* Whether there is output that nobody has read: in a pipe, since the slot comes late, or held up,
 * since whoever reads it does not. Then the job is not silent. */
static bool has_unread_output(const struct attempt *a)
{
    struct pollfd fds[2];
    bool held_up = false;

    for (int which = 0; which < 2; which++) {
        fds[which] = (struct pollfd){.fd = a->pipe_open[which] ? a->capture.pipe[which] : -1,
                                     .events = POLLIN};
        held_up |= a->pipe_open[which] && !capture_is_ready(&a->capture, which);
    }
    return held_up ||
           (poll(fds, ARRAY_SIZE(fds), 0) > 0 && ((fds[0].revents | fds[1].revents) & POLLIN) != 0);
}

static void strike_silence(struct attempt *a, const struct deadline *d)
{
    uint64_t now = clock_monotonic_ns();

    if (has_unread_output(a)) {
        attempt_heard(a, now);
        return;
    }
    attempt_note_cause(a,
                       passed_deadline(now, a->ctx->standstill.total_ns - a->heard_still_ns, d->at),
                       d->of_step);
    a->facts->silent_from_ns = a->heard_ns;
    a->struck_at = d->at;
    attempt_terminate(a);
}

static void strike(struct attempt *a, const struct deadline *d)
{
    if (d->kind == DEADLINE_IDLE) {
        strike_silence(a, d);
        return;
    }
    if (d->kind == DEADLINE_SET_UP && a->instance->from == INSTANCE_NONE) {
        fail_stuck_set_up(a);
        return;
    }
    if (d->kind == DEADLINE_LINGER) { /* it has ended in time: what is late is not its doing */
        attempt_kill(a);
        return;
    }
    attempt_note_cause(a, passed_deadline(clock_monotonic_ns(), a->ctx->standstill.total_ns, d->at),
                       d->of_step);
    a->facts->cause_step = d->step;
    a->facts->cause_set_up = d->set_up ? sandbox_setup_at(&a->sandbox) : NULL;
    attempt_terminate(a);
}

/* Ends a service whose time to become ready is over. */
static void check_ready(struct attempt *a, uint64_t now)
{
    char within[UNIT_TEXT_SIZE];
    const char *why;

    if (a->facts->cause != CAUSE_NONE || !ready_is_late(a->ctx->ready, now, &why))
        return;
    (void)snprintf(a->facts->service.text, sizeof(a->facts->service.text), "it had %s (%s)",
                   unit_format_duration(a->ctx->ready->service->within, within), why);
    attempt_note_cause(a, CAUSE_UNREADY, false);
    attempt_terminate(a);
}

static void check_uncounted(struct attempt *a, uint64_t now)
{
    if (!uncounted_exceeds(&a->uncounted, now))
        return;
    if (services_are_awaited(a)) {
        char most[UNIT_TEXT_SIZE];

        (void)snprintf(a->facts->service.text, sizeof(a->facts->service.text),
                       "the sockets of its services held more than the job's memory limit of %s "
                       "before it began",
                       unit_format_size(a->uncounted.limit, most));
        a->facts->service.is_untrusted = services_are_untrusted(a);
        attempt_note_cause(a, CAUSE_SERVICE, false);
        attempt_kill(a);
        return;
    }
    if (a->facts->cause == CAUSE_NONE) {
        a->facts->queue_bytes.netlink = a->uncounted.netlink;
        a->facts->queue_bytes.internet = a->uncounted.internet;
    }
    attempt_note_cause(a, CAUSE_MEMORY, false);
    attempt_kill(a);
}

#define FILE_LOOK_NS (20 * NSEC_PER_MSEC)

/* Looks at a standard output that is a file while the job runs: whether it is too large, and
 * whether it has changed. */
static void check_output_file(struct attempt *a, uint64_t now)
{
    struct limits_view v = attempt_limits(a);
    enum jobs_limit which;
    struct stat st;
    bool of_step;

    if (now < a->file_look_at || fstat(a->sandbox.output_file, &st) < 0)
        return;
    a->file_look_at = now + FILE_LOOK_NS;
    if (a->file_steps > a->step) /* it has been taken */
        return;
    if ((uint64_t)st.st_size != a->file_size)
        attempt_heard(a, now);
    a->file_size = (uint64_t)st.st_size;
    if (a->file_size <= capture_left(&a->capture, 0, &which))
        return;
    (void)limits_output(&v, which, &of_step);
    if (a->facts->cause == CAUSE_NONE)
        a->facts->output_limit = which;
    attempt_note_cause(a, CAUSE_OUTPUT, of_step);
    attempt_kill(a);
}

void attempt_check_deadlines(struct attempt *a)
{
    struct deadline d = next_deadline(a);
    uint64_t now = clock_monotonic_ns();

    if (now >= a->lift_at && a->cgroup != NULL) {
        cgroup_job_lift_brakes(a->cgroup);
        a->lift_at = LIMITS_NEVER;
    }
    if (a->ending && now >= a->end_by)
        attempt_kill(a);
    if (a->killed)
        return;
    if (a->kill_at != LIMITS_NEVER && now >= a->kill_at) {
        a->facts->grace_used_up = true;
        attempt_kill(a);
        return;
    }
    if (a->facts->cause == CAUSE_NONE && now >= d.at)
        strike(a, &d);
    if (now >= a->check_cpu_at)
        attempt_check_cpu(a, now);
    instructions_check(a, now);
    if (a->ctx->ready != NULL)
        check_ready(a, now);
    check_uncounted(a, now);
    check_output_file(a, now);
}

uint64_t attempt_next_wake(const struct attempt *a)
{
    uint64_t at = observe_next(&a->observer), wall = LIMITS_NEVER;

    if (a->facts->cause == CAUSE_NONE && !a->killed)
        wall = next_deadline(a).at;
    if (wall < at)
        at = wall;
    if (a->kill_at < at)
        at = a->kill_at;
    if (a->ctx->ready != NULL && a->facts->cause == CAUSE_NONE && ready_wake(a->ctx->ready) < at)
        at = ready_wake(a->ctx->ready);
    if (a->check_cpu_at < at)
        at = a->check_cpu_at;
    if (!a->killed && a->instructions.look_at < at)
        at = a->instructions.look_at;
    if (a->lift_at < at)
        at = a->lift_at;
    if (!a->killed && a->file_look_at < at)
        at = a->file_look_at;
    if (a->ending && a->end_by < at)
        at = a->end_by;
    if (!a->killed && a->uncounted.next_ns < at)
        at = a->uncounted.next_ns;
    return at;
}

/* ---- afterwards ---- */

/* Whether what was struck for its time had ended by then, and only the news came late. */
static bool had_ended(const struct attempt *a)
{
    const struct attempt_facts *f = a->facts;
    const struct step_facts *s = &f->steps[a->step];

    if ((f->cause != CAUSE_WALL && f->cause != CAUSE_STOOD_STILL) || !s->ended ||
        facts_next_step(f, a->step) != f->n_steps)
        return false;
    return f->silent_from_ns == 0 || s->ended_ns <= a->struck_at;
}

/* What took more than its limit, and had ended before it was ended. */
static void note_afterwards(struct attempt *a, enum attempt_cause cause, bool of_step)
{
    bool first = a->facts->cause == CAUSE_NONE;

    attempt_note_cause(a, cause, of_step);
    a->facts->cause_afterwards |= first;
}

static void judge_cpu(struct attempt *a, const struct limits_view *v, uint64_t used)
{
    bool of_step;

    if (limits_cpu_left(v, used, &of_step) != 0)
        return;
    note_afterwards(a, CAUSE_CPU, of_step);
    if (a->facts->cause == CAUSE_CPU && a->facts->cpu_at_cause_ns == 0)
        a->facts->cpu_at_cause_ns = used;
}

static void judge_wall(struct attempt *a, uint64_t ended_ns, uint64_t deadline, bool of_step)
{
    note_afterwards(a, passed_deadline(ended_ns, a->ctx->standstill.total_ns, deadline), of_step);
}

void attempt_judge_step(struct attempt *a)
{
    const struct step_facts *s = &a->facts->steps[a->step];
    struct limits_view v = attempt_limits(a);
    uint64_t used, deadline;
    bool of_step;

    if (!limits_are_twice(&v))
        return;
    if (a->cgroup != NULL && billing_cpu_ns(a->cgroup, &a->sandbox, a->facts, &used) == 0)
        judge_cpu(a, &v, used);
    deadline = limits_wall_deadline(&v, &of_step);
    if (s->ended_ns > deadline)
        judge_wall(a, s->ended_ns, deadline, of_step);
}

void attempt_settle_limits(struct attempt *a)
{
    const struct step_facts *s = &a->facts->steps[a->step];
    /* what comes then is watched as it comes */
    bool last = facts_next_step(a->facts, a->step) == a->facts->n_steps,
         between = s->ended && !last;
    struct limits_view v = attempt_limits(a);
    uint64_t used, deadline;
    bool of_step;

    if (cgroup_usage_get(&a->facts->usage, CGROUP_CPU_NS, &used))
        judge_cpu(a, &v, used);
    deadline = limits_wall_deadline(&v, &of_step);
    if (!between && a->facts->ended_ns > deadline) {
        judge_wall(a, a->facts->ended_ns, deadline, of_step);
    } else if (had_ended(a)) {
        a->facts->cause = CAUSE_NONE;
        a->facts->silent_from_ns = 0;
    }
}
