/* attempt: one job, run once, from the slot's point of view: make its cgroup, start its sandbox,
 * take its output, hold its deadlines, end it, measure it, collect its artifacts, take everything
 * down. It gathers facts; verdict.c judges them.
 *
 * Deadlines are kept here and not in the supervisor: nothing that the supervisor does (writing a
 * report, drawing a screen, serving sixty-three other slots) can then delay a kill. */
#include "harness/attempt/attempt.h"

#include "base/weaken.h"
#include "harness/attempt/artifacts.h"
#include "harness/attempt/billing.h"
#include "harness/attempt/blame.h"
#include "harness/attempt/capture.h"
#include "harness/attempt/deadline.h"
#include "harness/attempt/evidence.h"
#include "harness/attempt/expect.h"
#include "harness/attempt/keep_failed.h"
#include "harness/attempt/launch.h"
#include "harness/attempt/limits_in_force.h"
#include "harness/attempt/near_limit.h"
#include "harness/attempt/observe.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/uncounted.h"
#include "harness/attempt/wire.h"
#include "harness/run/enterable.h"
#include "harness/run/kept.h"
#include "harness/run/views.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#define CPU_CHECK_MIN_NS (500 * NSEC_PER_USEC)
/* PID 1 ends what a step has left within microseconds; whatever takes longer waits for something.
 */
#define LEFTOVERS_NS (20 * NSEC_PER_MSEC)
#define NEVER LIMITS_NEVER

struct attempt {
    struct attempt_context *ctx;
    const struct instance *instance;
    const struct jobs_job *job;
    struct attempt_facts *facts;
    struct cgroup_job *cgroup;
    struct sandbox_job sandbox;
    struct capture capture;
    bool has_sandbox;
    unsigned step;         /* the one that runs */
    uint64_t ordered_ns;   /* when PID 1 was let go */
    uint64_t step_cpu_ns;  /* CPU used before it started */
    uint64_t kill_at;      /* NEVER, or when SIGTERM's grace is over */
    uint64_t check_cpu_at; /* NEVER, or when the CPU limits are looked at next */
    /* NEVER, or when what a step left behind may no longer be held back from ending */
    uint64_t lift_at;
    struct observer observer;
    unsigned leaks_counted; /* of so many steps, leaks are in the count */
    struct uncounted uncounted;
    bool killed;
    bool pipe_open[2];
    bool control_open;
};

/* ---- ending it ---- */

static void note_cause(struct attempt *a, enum attempt_cause cause, bool of_step)
{
    struct attempt_facts *f = a->facts;

    if (f->cause != CAUSE_NONE)
        return; /* the first in time wins */
    f->cause = cause;
    f->cause_step = a->step;
    f->cause_is_step_limit = of_step;
    f->cause_ns = clock_monotonic_ns();
    if (a->cgroup != NULL && billing_cpu_ns(a->cgroup, &a->sandbox, f, &f->cpu_at_cause_ns) < 0)
        f->cpu_at_cause_ns = 0;
}

static void kill_now(struct attempt *a)
{
    if (!a->killed)
        sandbox_kill(&a->sandbox);
    if (!a->killed && a->cgroup != NULL)
        cgroup_job_lift_brakes(a->cgroup); /* or it would die only when its last read is through */
    a->killed = true;
    a->kill_at = NEVER;
}

static struct deadline next_deadline(const struct attempt *a)
{
    return deadline_next(a->job, a->facts, a->ctx->run->unenforced_set, a->step, a->ordered_ns,
                         a->sandbox.copying_ns);
}

/* SIGTERM, and SIGKILL when the grace is over. */
static void terminate(struct attempt *a)
{
    if (a->killed || a->kill_at != NEVER)
        return;
    /* no command that could care */
    if (a->facts->steps[a->step].ended || !a->facts->steps[a->step].started) {
        kill_now(a);
        return;
    }
    sandbox_terminate(&a->sandbox);
    a->kill_at = clock_monotonic_ns() + a->job->timeout_grace;
}

static void fail_harness(struct attempt *a, const struct cupel_error *err)
{
    if (a->facts->cause == CAUSE_NONE)
        a->facts->harness = *err;
    /* an input, or the output expected, is what others have put there */
    note_cause(a, err->kind == CUPEL_ERROR_INPUT ? CAUSE_SUBMISSION : CAUSE_HARNESS, false);
    if (a->has_sandbox)
        kill_now(a);
}

/* Data that was lost outranks whatever came of it: neither a pass nor a failure can be believed. */
static void check_losses(struct attempt *a)
{
    struct cupel_error err;

    if (a->facts->cause == CAUSE_CANCELLED || sandbox_lost_writes(a->ctx->stage, &err) == 0)
        return;
    a->facts->cause = CAUSE_NONE;
    a->facts->cause_is_step_limit = false;
    fail_harness(a, &err);
}

/* ---- limits ---- */

static struct limits_view view(const struct attempt *a)
{
    const struct step_facts *s = &a->facts->steps[a->step];

    return (struct limits_view){
        .job = &a->job->limits,
        .step = &a->job->steps[a->step].limits,
        .unenforced = a->ctx->run->unenforced_set,
        .job_started_ns = a->facts->started_ns,
        .step_started_ns = s->started ? s->started_ns : 0,
        .step_cpu_ns = a->step_cpu_ns,
        .step_output = s->stdout_from + s->stderr_from,
    };
}

/* The limit may be looked at again when it could be reached at the soonest, not at a fixed tick. */
static void check_cpu(struct attempt *a, uint64_t now)
{
    struct limits_view v = view(a);
    uint64_t used, left, wait;
    bool of_step;

    a->check_cpu_at = NEVER;
    if (a->cgroup == NULL || billing_cpu_ns(a->cgroup, &a->sandbox, a->facts, &used) < 0)
        return;
    left = limits_cpu_left(&v, used, &of_step);
    if (left == NEVER)
        return;
    if (left == 0) {
        note_cause(a, CAUSE_CPU, of_step);
        kill_now(a);
        return;
    }
    wait = limits_cpu_lasts(&v, left, a->ctx->run->cpus);
    a->check_cpu_at = now + (wait < CPU_CHECK_MIN_NS ? CPU_CHECK_MIN_NS : wait);
}

static uint64_t held_back_around(void *data)
{
    const struct attempt *a = data;
    struct cgroup_around_figures f;

    cgroup_around_figures(a->ctx->around, &f);
    return f.throttled_ns;
}

/* A limit of time that passed at `deadline`: the job has had its time only if it had it while we
 * looked after it. Stopped with all of us, or running on alone, it cannot be said what it would
 * have done. */
static enum attempt_cause passed_deadline(const struct attempt *a, uint64_t now, uint64_t deadline)
{
    return now - a->ctx->standstill.total_ns < deadline ? CAUSE_STOOD_STILL : CAUSE_WALL;
}

/* What nobody of the job can have caused is the harness's. */
static void fail_stuck_set_up(struct attempt *a)
{
    struct cupel_error err;

    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, 0,
                          "set-up had not ended %u s after the wall limit: it is at '%s'",
                          (unsigned)((SANDBOX_SET_UP_NS + a->sandbox.copying_ns) / NSEC_PER_SEC),
                          sandbox_setup_at(&a->sandbox));
    fail_harness(a, &err);
}

static void strike(struct attempt *a, const struct deadline *d)
{
    if (d->kind == DEADLINE_SET_UP && a->instance->from == INSTANCE_NONE) {
        fail_stuck_set_up(a);
        return;
    }
    if (d->kind == DEADLINE_LINGER) { /* it has ended in time: what is late is not its doing */
        kill_now(a);
        return;
    }
    note_cause(a, passed_deadline(a, clock_monotonic_ns(), d->at), d->of_step);
    a->facts->cause_step = d->step;
    a->facts->cause_set_up = d->set_up ? sandbox_setup_at(&a->sandbox) : NULL;
    terminate(a);
}

static void check_uncounted(struct attempt *a, uint64_t now)
{
    if (!uncounted_exceeds(&a->uncounted, now))
        return;
    if (a->facts->cause == CAUSE_NONE) {
        a->facts->queue_bytes.netlink = a->uncounted.netlink;
        a->facts->queue_bytes.internet = a->uncounted.internet;
    }
    note_cause(a, CAUSE_MEMORY, false);
    kill_now(a);
}

static void check_deadlines(struct attempt *a)
{
    struct deadline d = next_deadline(a);
    uint64_t now = clock_monotonic_ns();

    if (now >= a->lift_at && a->cgroup != NULL) {
        cgroup_job_lift_brakes(a->cgroup);
        a->lift_at = NEVER;
    }
    if (a->killed)
        return;
    if (a->kill_at != NEVER && now >= a->kill_at) {
        a->facts->grace_used_up = true;
        kill_now(a);
        return;
    }
    if (a->facts->cause == CAUSE_NONE && now >= d.at)
        strike(a, &d);
    if (now >= a->check_cpu_at)
        check_cpu(a, now);
    check_uncounted(a, now);
}

/* ---- output ---- */

static void after_output(struct attempt *a)
{
    struct limits_view v = view(a);
    bool of_step;

    /* A flood may be here before PID 1 has said when the command began; it says so at once, and the
     * pipe can wait. */
    if (!a->capture.over || a->facts->started_ns == 0)
        return;
    (void)limits_output(&v, &of_step);
    note_cause(a, CAUSE_OUTPUT, of_step);
    kill_now(a);
}

static void take_output(struct attempt *a, int which)
{
    struct cupel_error err;
    int r = capture_take(&a->capture, which, &err);

    if (r < 0)
        fail_harness(a, &err);
    a->pipe_open[which] = r > 0;
    after_output(a);
}

static void drain_output(struct attempt *a)
{
    struct cupel_error err;

    if (capture_drain(&a->capture, &err) < 0)
        fail_harness(a, &err);
    after_output(a);
}

/* ---- what PID 1 says ---- */

static void on_step_started(struct attempt *a, const struct sandbox_event *e)
{
    struct step_facts *s = &a->facts->steps[e->step];
    struct limits_view v;
    bool of_step;

    a->step = e->step;
    s->started = true;
    s->started_ns = e->at_ns;
    /* not what is captured by now: its output may have been quicker than this event */
    if (e->step > 0) {
        s->stdout_from = s->stdout_to = a->facts->steps[e->step - 1].stdout_to;
        s->stderr_from = s->stderr_to = a->facts->steps[e->step - 1].stderr_to;
    }
    a->step_cpu_ns = 0;
    if (e->step > 0 && a->cgroup != NULL &&
        billing_cpu_ns(a->cgroup, &a->sandbox, a->facts, &a->step_cpu_ns) < 0)
        a->step_cpu_ns = 0;
    v = view(a);
    a->capture.limit = limits_output(&v, &of_step);
    if (a->facts->started_ns == 0) {
        a->facts->started_ns = e->at_ns;
        billing_begin(&a->sandbox, a->facts);
        (void)clock_gettime(CLOCK_REALTIME, &a->facts->started);
        atomic_store_explicit(&a->ctx->view->started_ns, e->at_ns, memory_order_relaxed);
        views_publish(a->ctx->view, &a->sandbox, (size_t)(a->instance - a->ctx->run->instances),
                      a->instance->has_user ? &a->instance->user : NULL, a->cgroup);
    }
    check_cpu(a, e->at_ns);
    after_output(a);
}

static void on_step_ended(struct attempt *a, const struct sandbox_event *e)
{
    struct step_facts *s = &a->facts->steps[e->step];
    char size[UNIT_TEXT_SIZE];

    s->ended = true;
    s->status = e->status;
    a->lift_at = clock_monotonic_ns() + LEFTOVERS_NS;
    if (e->unmappable != 0)
        (void)snprintf(a->facts->not_set_up, sizeof(a->facts->not_set_up),
                       "it never began: the %s that it needs at its start could not be mapped",
                       unit_format_size(e->unmappable, size));
    /* from here on it is judged by this moment, and no deadline strikes any more */
    s->ended_ns = e->at_ns;
}

/* All that the step wrote is in the pipes by now. */
static void on_step_quiet(struct attempt *a, const struct sandbox_event *e)
{
    struct step_facts *s = &a->facts->steps[e->step];
    struct cupel_error err;

    a->lift_at = NEVER;
    if (a->cgroup != NULL && cgroup_job_set_brakes(a->cgroup, &err) < 0)
        fail_harness(a, &err);
    drain_output(a);
    s->stdout_to = a->capture.written[0];
    s->stderr_to = a->capture.written[1];
    if (expect_check(&a->job->steps[e->step], &a->capture, s, &err) < 0)
        fail_harness(a, &err);
    if (a->facts->cause == CAUSE_NONE && verdict_step_passed(a->job, a->facts, e->step))
        sandbox_continue(&a->sandbox);
    else
        kill_now(a);
}

static void on_left_running(struct attempt *a, const struct sandbox_event *e)
{
    struct attempt_facts *f = a->facts;

    if (e->step >= a->leaks_counted) /* each one of a step says how many there were */
        f->leaks_in_all += (unsigned)e->errnum;
    a->leaks_counted = e->step + 1;
    f->leaks_cut |= e->cut;
    if (f->n_leaks == WIRE_LEAKS_MAX)
        return;
    f->leaks = xrealloc(f->leaks, (f->n_leaks + 1) * sizeof(*f->leaks));
    f->leaks[f->n_leaks] = (struct leak){.step = e->step, .pid = e->status, .cpu_ns = e->at_ns};
    memcpy(f->leaks[f->n_leaks].command, e->detail, sizeof(e->detail));
    f->n_leaks++;
}

/* Whether the kernel killed for want of memory since this was asked last: then that is the cause,
 * and whose memory it was decides whose fault. */
static bool note_oom(struct attempt *a)
{
    struct cgroup_oom oom;

    if (!cgroup_oom_check(a->cgroup, a->ctx->around, &oom))
        return false;
    if (a->facts->cause == CAUSE_NONE)
        a->facts->oom = oom;
    note_cause(a, oom.origin == CGROUP_OOM_OWN ? CAUSE_MEMORY : CAUSE_AROUND, false);
    return true;
}

static void check_oom(struct attempt *a)
{
    if (note_oom(a))
        kill_now(a); /* v2 has done so already (memory.oom.group); v1 has no such thing */
}

static void say_why(struct attempt_facts *f, const char *detail)
{
    cleanup_strbuf struct strbuf shown = {0};

    text_add_line(&shown, detail);
    (void)snprintf(f->not_set_up, sizeof(f->not_set_up), "%s",
                   shown.data != NULL ? shown.data : "");
}

static void on_setup_failed(struct attempt *a, const struct sandbox_event *e)
{
    struct attempt_facts *f = a->facts;
    struct cupel_error err;

    if (a->cgroup != NULL) /* may have killed what was to become the command */
        check_oom(a);
    if (f->cause == CAUSE_NONE &&
        blame_set_up(a->ctx->run, a->instance, e, f->not_set_up, sizeof(f->not_set_up))) {
        f->steps[e->step].not_set_up = true;
        return;
    }
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, e->errnum, "set-up step '%s' failed%s%s",
                          e->what, e->detail[0] != '\0' ? " on " : "", e->detail);
    if (str_eq(e->what, "user") && e->errnum == ENOENT)
        cupel_error_hint(&err, "the root's /etc/passwd has no such user");
    fail_harness(a, &err);
}

static void receive_events(struct attempt *a)
{
    struct sandbox_event e;

    while (sandbox_receive(&a->sandbox, &e) > 0) {
        switch (e.kind) {
        case SANDBOX_STEP_STARTED:
            on_step_started(a, &e);
            break;
        case SANDBOX_STEP_ENDED:
            on_step_ended(a, &e);
            break;
        case SANDBOX_STEP_QUIET:
            on_step_quiet(a, &e);
            break;
        case SANDBOX_NOT_EXECUTED:
            a->facts->steps[e.step].not_executed = e.errnum;
            say_why(a->facts, e.detail);
            break;
        case SANDBOX_SETUP_FAILED:
            on_setup_failed(a, &e);
            break;
        case SANDBOX_LEFT_RUNNING:
            on_left_running(a, &e);
            break;
        case SANDBOX_TERMINAL_READY: /* only sessions ask for one */
            break;
        case SANDBOX_GONE: /* its pidfd follows; until then an end of file would wake us without end
                            */
            a->control_open = false;
            return;
        }
    }
}

/* ---- what the supervisor says ---- */

static void receive_order(struct attempt *a)
{
    struct slot_message m;
    ssize_t n = recv(a->ctx->orders, &m, sizeof(m), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    note_cause(a, CAUSE_CANCELLED, false);
    if (n == (ssize_t)sizeof(m) && m.order == ORDER_CANCEL)
        terminate(a);
    else /* ORDER_KILL, or a supervisor that is gone */
        kill_now(a);
}

/* ---- the loop ---- */

static uint64_t next_wake(const struct attempt *a)
{
    uint64_t at = observe_next(&a->observer), wall = NEVER;

    if (a->facts->cause == CAUSE_NONE && !a->killed)
        wall = next_deadline(a).at;
    if (wall < at)
        at = wall;
    if (a->kill_at < at)
        at = a->kill_at;
    if (a->check_cpu_at < at)
        at = a->check_cpu_at;
    if (a->lift_at < at)
        at = a->lift_at;
    if (!a->killed && a->uncounted.next_ns < at)
        at = a->uncounted.next_ns;
    return at;
}

enum { POLL_ORDERS, POLL_CONTROL, POLL_OUT, POLL_ERR, POLL_OOM, POLL_GONE, POLL_COUNT };

static void watch(struct attempt *a)
{
    short oom_events = 0;
    int oom = a->cgroup != NULL ? cgroup_job_oom_fd(a->cgroup, &oom_events) : -EBADF;

    for (;;) {
        struct pollfd fds[POLL_COUNT] = {
            [POLL_ORDERS] = {.fd = a->killed ? -1 : a->ctx->orders, .events = POLLIN},
            [POLL_CONTROL] = {.fd = a->control_open ? a->sandbox.control : -1, .events = POLLIN},
            [POLL_OUT] = {.fd = a->pipe_open[0] && !a->capture.over ? a->sandbox.out : -1,
                          .events = POLLIN},
            [POLL_ERR] = {.fd = a->pipe_open[1] && !a->capture.over ? a->sandbox.err : -1,
                          .events = POLLIN},
            [POLL_OOM] = {.fd = oom, .events = oom_events},
            [POLL_GONE] = {.fd = a->sandbox.pidfd, .events = POLLIN},
        };
        uint64_t now = clock_monotonic_ns(), wake = next_wake(a),
                 wait = wake > now ? wake - now : 0;
        struct timespec timeout = {(time_t)(wait / NSEC_PER_SEC), (long)(wait % NSEC_PER_SEC)};
        int n = ppoll(fds, POLL_COUNT, &timeout, NULL);

        if (n < 0 && errno != EINTR)
            break;
        standstill_woke(&a->ctx->standstill, now + wait, clock_monotonic_ns(), held_back_around, a);
        if (n > 0 && fds[POLL_CONTROL].revents != 0)
            receive_events(a);
        if (!weakened("late-deadlines") || !(a->pipe_open[0] || a->pipe_open[1]))
            check_deadlines(a); /* before the output, of which there may be any amount */
        if (n > 0 && fds[POLL_OUT].revents != 0)
            take_output(a, 0);
        if (n > 0 && fds[POLL_ERR].revents != 0)
            take_output(a, 1);
        if (n > 0 && fds[POLL_OOM].revents != 0)
            check_oom(a);
        if (n > 0 && fds[POLL_GONE].revents != 0)
            break;
        if (n > 0 && fds[POLL_ORDERS].revents != 0)
            receive_order(a);
        observe_tick(&a->observer, clock_monotonic_ns());
    }
}

/* ---- afterwards ---- */

/* A limit that was passed by a hair before its timer struck is passed all the same. */
static void settle_limits(struct attempt *a)
{
    const struct step_facts *s = &a->facts->steps[a->step];
    /* what comes then is watched as it comes */
    bool last = a->step + 1 == a->facts->n_steps, between = s->ended && !last;
    struct limits_view v = view(a);
    uint64_t used, deadline;
    bool of_step;

    if (cgroup_usage_get(&a->facts->usage, CGROUP_CPU_NS, &used)) {
        if (limits_cpu_left(&v, used, &of_step) == 0) {
            note_cause(a, CAUSE_CPU, of_step);
            if (a->facts->cause == CAUSE_CPU && a->facts->cpu_at_cause_ns == 0)
                a->facts->cpu_at_cause_ns = used;
        }
    }
    deadline = limits_wall_deadline(&v, &of_step);
    if (!between && a->facts->ended_ns > deadline)
        note_cause(a, passed_deadline(a, a->facts->ended_ns, deadline), of_step);
    else if ((a->facts->cause == CAUSE_WALL || a->facts->cause == CAUSE_STOOD_STILL) && s->ended &&
             last)
        a->facts->cause = CAUSE_NONE; /* it had ended in time; only the news came late */
}

static void finish_steps(struct attempt *a)
{
    struct step_facts *last = &a->facts->steps[a->step];
    struct cupel_error err;

    last->stdout_to = a->capture.written[0];
    last->stderr_to = a->capture.written[1];
    if (last->ended && a->step + 1 == a->facts->n_steps && a->facts->cause == CAUSE_NONE &&
        expect_check(&a->job->steps[a->step], &a->capture, last, &err) < 0)
        fail_harness(a, &err);
    if (capture_flush(&a->capture, &err) < 0)
        fail_harness(a, &err);
}

static void find_victim(struct attempt *a)
{
    struct attempt_facts *f = a->facts;

    if (f->cause != CAUSE_MEMORY && f->cause != CAUSE_AROUND)
        return;
    oom_victim_find(a->ctx->kernel_log, cgroup_job_path(a->cgroup), &f->oom_victim);
    if (f->oom_victim.host_pid != 0 && a->ctx->pids_are_kernels)
        f->oom_victim_pid = observe_pid_inside(&a->observer, f->oom_victim.host_pid);
}

static void collect_facts(struct attempt *a)
{
    receive_events(a); /* what PID 1 said with its last breath */
    (void)billing_init_ns(&a->sandbox, a->facts);
    views_withdraw(a->ctx->view); /* while its pid is still nobody else's */
    sandbox_reap(&a->sandbox);
    a->facts->ended_ns = clock_monotonic_ns();
    if (a->facts->started_ns != 0 && a->facts->steps[a->facts->n_steps - 1].ended)
        a->facts->ended_ns = a->facts->steps[a->facts->n_steps - 1].ended_ns;
    drain_output(a);
    a->facts->output_bytes = a->capture.written[0] + a->capture.written[1];
    if (a->cgroup != NULL) {
        cgroup_job_usage(a->cgroup, &a->facts->usage);
        billing_add(a->facts);
        (void)note_oom(a);
        find_victim(a);
        cgroup_around_figures(a->ctx->around, &a->facts->around);
    }
    observe_end(&a->observer);
    uncounted_end(&a->uncounted);
    a->facts->stood_still_ns = a->ctx->standstill.total_ns;
    a->facts->suspended_ns = standstill_suspended(&a->ctx->standstill);
    settle_limits(a);
    finish_steps(a);
    check_losses(a);
}

/* Copying may take long, and there is no job left to wait for: the first Ctrl-C lets it go on, the
 * second does not. */
static bool is_stopped(void *data)
{
    struct attempt *a = data;
    struct slot_message m;
    ssize_t n = recv(a->ctx->orders, &m, sizeof(m), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    return n != (ssize_t)sizeof(m) || m.order == ORDER_KILL;
}

static void collect_artifacts(struct attempt *a, struct attempt_result *ret)
{
    bool passed = ret->job.verdict == REPORTS_PASSED;
    enum jobs_when when = a->job->artifacts.when;
    struct artifacts_target target = {
        .out = a->ctx->run->out, .name = a->instance->log_name, .stopped = is_stopped, .data = a};
    struct cupel_error err;
    cleanup_close int root = -EBADF;
    int r;

    if (a->job->artifacts.patterns == NULL || a->facts->started_ns == 0)
        return;
    if ((when == JOBS_WHEN_SUCCESS && !passed) || (when == JOBS_WHEN_FAILURE && passed))
        return;
    root = sandbox_open_root(a->ctx->stage, &a->sandbox);
    r = root < 0 ? cupel_error_set(&err, CUPEL_ERROR_HARNESS, root,
                                   "cannot open the finished root for its artifacts")
                 : artifacts_collect(a->job, root, &target, &ret->artifacts, &ret->notes, &err);
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
        fail_harness(a, &err);
        verdict_of_job(a->job, a->facts, &ret->job);
    }
}

/* Without it those that start from this job could not run. */
static void take_snapshot(struct attempt *a, struct attempt_result *ret)
{
    struct cupel_error err;

    if (!a->instance->is_base || ret->job.verdict != REPORTS_PASSED)
        return;
    if (sandbox_snapshot(a->ctx->stage, &a->sandbox, (size_t)(a->instance - a->ctx->run->instances),
                         &err) < 0) {
        fail_harness(a, &err);
        verdict_of_job(a->job, a->facts, &ret->job);
    }
}

/* A time verdict says so in its evidence; of a job that passed, it is worth a remark. */
static void mark_near_limit(struct attempt *a, struct attempt_result *ret)
{
    cleanup_strbuf struct strbuf b = {0};
    size_t n = strlen(ret->job.evidence);

    if (!near_limit_describe(a->job, a->facts, ret->job.verdict, &b))
        return;
    ret->near_limit = xstrdup(b.data);
    if (ret->job.verdict == REPORTS_PASSED)
        strings_add(&ret->notes, xstrdup(b.data));
    else
        (void)snprintf(ret->job.evidence + n, sizeof(ret->job.evidence) - n, "; %s", b.data);
}

/* Of any verdict it is worth a remark. */
static void note_standstill(struct attempt *a, struct attempt_result *ret)
{
    cleanup_strbuf struct strbuf b = {0};

    if (evidence_standstill(a->facts, &b))
        strings_add(&ret->notes, xstrdup(b.data));
}

static void judge(struct attempt *a, struct attempt_result *ret)
{
    verdict_of_job(a->job, a->facts, &ret->job);
    if (weakened("verdict-channel") && capture_has(&a->capture, "\"verdict\":\"passed\""))
        ret->job.verdict = REPORTS_PASSED;
    collect_artifacts(a, ret);
    take_snapshot(a, ret);
    if (a->sandbox.network_lost)
        strings_add(&ret->notes,
                    xstrdup("the network was lost while the job ran: pasta had ended by itself"));
    mark_near_limit(a, ret);
    note_standstill(a, ret);
    ret->steps = xcalloc(a->facts->n_steps, sizeof(*ret->steps));
    for (size_t i = 0; i < a->facts->n_steps; i++)
        verdict_of_step(a->job, a->facts, i, &ret->job, &ret->steps[i]);
}

/* ---- start and end ---- */

static void start_and_watch(struct attempt *a)
{
    struct limits_view v = view(a);
    struct cupel_error err;
    bool of_step;
    int r = launch_instance(a->ctx, a->instance, NULL, &a->cgroup, &a->sandbox, &err);

    if (r == -ECANCELED)
        note_cause(a, CAUSE_CANCELLED, false);
    if (r < 0) {
        fail_harness(a, &err);
        check_losses(a);
        return;
    }
    a->has_sandbox = true;
    a->ordered_ns = clock_monotonic_ns();
    a->pipe_open[0] = a->pipe_open[1] = a->control_open = true;
    capture_init(&a->capture, a->ctx->run->out, a->instance->log_name, a->sandbox.out,
                 a->sandbox.err, limits_output(&v, &of_step));
    observe_begin(&a->observer, a->ctx, a->cgroup, &a->sandbox, a->job, a->facts);
    uncounted_begin(&a->uncounted, a->job, limits_enforced(&v, &a->job->limits, JOBS_LIMIT_MEMORY),
                    &a->sandbox);
    watch(a);
    collect_facts(a);
}

void attempt_take_down(struct attempt_context *ctx, struct attempt_leftover *leftover)
{
    struct cupel_error err;

    if (leftover->has_sandbox && sandbox_finish(ctx->stage, &leftover->sandbox, &err) < 0)
        log_warning("%s", err.message);
    if (leftover->cgroup != NULL && cgroup_job_destroy(leftover->cgroup, &err) < 0)
        log_warning("%s", err.message);
}

void attempt_run(struct attempt_context *ctx, const struct instance *instance,
                 struct attempt_result *ret, struct attempt_leftover *ret_leftover)
{
    struct attempt a = {.ctx = ctx,
                        .instance = instance,
                        .job = instance->job,
                        .facts = &ret->facts,
                        .sandbox = SANDBOX_JOB_INIT,
                        .kill_at = NEVER,
                        .check_cpu_at = NEVER,
                        .lift_at = NEVER};

    *ret = (struct attempt_result){.facts = {.n_steps = instance->job->n_steps}};
    ret->facts.steps = xcalloc(ret->facts.n_steps, sizeof(*ret->facts.steps));
    (void)clock_gettime(CLOCK_REALTIME, &ret->facts.started);
    start_and_watch(&a);
    judge(&a, ret);
    ret->has_stdout = a.capture.written[0] > 0;
    ret->has_stderr = a.capture.written[1] > 0;
    if (a.has_sandbox)
        capture_close(&a.capture);
    if (a.has_sandbox && ctx->run->keep_failed > 0)
        keep_failed_store(ctx, instance, &a.sandbox, ret);
    *ret_leftover = (struct attempt_leftover){a.cgroup, a.sandbox, a.has_sandbox};
    atomic_store_explicit(&ctx->view->started_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&ctx->view->memory_bytes, UINT64_MAX, memory_order_relaxed);
}

void attempt_result_free(struct attempt_result *r)
{
    free(r->facts.steps);
    free(r->facts.leaks);
    free(r->steps);
    free(r->near_limit);
    free(r->kept);
    strings_free(&r->artifacts);
    strings_free(&r->notes);
}
