/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_events: see attempt_events.h. */
#include "harness/attempt/attempt_events.h"

#include "base/redact.h"
#include "harness/attempt/attempt_end.h"
#include "harness/attempt/attempt_limits.h"
#include "harness/attempt/billing.h"
#include "harness/attempt/blame.h"
#include "harness/attempt/expect_regex.h"
#include "harness/attempt/interactor.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/wire.h"
#include "harness/run/instances.h"
#include "harness/run/views.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

/* PID 1 ends what a step has left within microseconds; whatever takes longer waits for something.
 */
#define LEFTOVERS_NS (20 * NSEC_PER_MSEC)

/* ---- output ---- */

void attempt_bound_output(struct attempt *a)
{
    struct limits_view v = attempt_limits(a);
    bool of_step;

    a->capture.limit = limits_output(&v, JOBS_LIMIT_OUTPUT, &of_step);
    a->capture.each[0] = limits_output(&v, JOBS_LIMIT_STDOUT, &of_step);
    a->capture.each[1] = limits_output(&v, JOBS_LIMIT_STDERR, &of_step);
}

static void after_output(struct attempt *a)
{
    struct limits_view v = attempt_limits(a);
    bool of_step;

    /* A flood may be here before PID 1 has said when the command began; it says so at once, and the
     * pipe can wait. */
    if (!a->capture.over || a->facts->started_ns == 0)
        return;
    (void)limits_output(&v, a->capture.over_limit, &of_step);
    if (a->facts->cause == CAUSE_NONE)
        a->facts->output_limit = a->capture.over_limit;
    attempt_note_cause(a, CAUSE_OUTPUT, of_step);
    attempt_kill(a);
}

/* Closes what nobody reads any more: whoever writes on is told so, as in any pipeline. */
static void close_output(struct attempt *a, int which)
{
    base_closep(which == 0 ? &a->sandbox.out : &a->sandbox.err);
    a->capture.pipe[which] = -EBADF;
}

void attempt_serve_pair(struct attempt *a, const struct pollfd fds[static PAIR_POLLS])
{
    pair_serve(&a->pair, fds);
    if (!pair_is_closed(&a->pair) || !a->pipe_open[0])
        return;
    attempt_take_output(a, 0); /* what it wrote before that is in its log */
    a->pipe_open[0] = false;
    close_output(a, 0);
}

void attempt_use_terminal(struct attempt *a)
{
    int master = a->sandbox.terminal;

    if (master < 0 || (!a->forwards && !a->job->tty))
        return;
    (void)fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    a->capture.pipe[0] = master;
    a->capture.terminal = !a->forwards;
    a->pipe_open[0] = true;
    if (a->forwards)
        forward_input_to(&a->forward, &a->sandbox.terminal, true);
}

void attempt_take_output(struct attempt *a, int which)
{
    struct cupel_error err;
    uint64_t before = a->capture.written[which];
    int r = capture_take(&a->capture, which, &err);

    if (r < 0)
        attempt_fail(a, &err);
    if (a->capture.written[which] != before)
        attempt_heard(a, clock_monotonic_ns());
    a->pipe_open[which] = r > 0;
    if (r <= 0 && a->forwards)
        close_output(a, which);
    if (r <= 0 && which == 0 && a->paired)
        pair_finish(&a->pair);
    after_output(a);
}

/* What judges a job has its own time from here on; in milliseconds, as for poll(2). */
static int wait_at_most(struct attempt *a)
{
    uint64_t until = a->interactor != NULL ? interactor_deadline(a) : LIMITS_NEVER,
             now = clock_monotonic_ns();

    if (until == LIMITS_NEVER)
        return -1;
    return until > now ? (int)((until - now) / NSEC_PER_MSEC % INT_MAX) + 1 : 0;
}

/* Waits for whoever reads what the command has written, the caller or the other job of its pair;
 * false when somebody says not to. */
static bool wait_for_reader(struct attempt *a)
{
    struct pollfd fds[1 + FORWARD_POLLS] = {{.fd = a->ctx->orders, .events = POLLIN}};
    struct slot_message m;
    int n;

    if (a->forwards) {
        forward_poll(&a->forward, fds + 1);
        fds[1 + FORWARD_FROM].fd = fds[1 + FORWARD_TO].fd = -1;
    } else {
        pair_poll(&a->pair, fds + 1);
    }
    n = poll(fds, 1 + (a->forwards ? FORWARD_POLLS : PAIR_POLLS), wait_at_most(a));
    if (n <= 0)
        return n < 0 && errno == EINTR;
    if (a->forwards)
        forward_serve(&a->forward, fds + 1);
    else
        pair_serve(&a->pair, fds + 1);
    return fds[0].revents == 0 || (recv(a->ctx->orders, &m, sizeof(m), MSG_DONTWAIT) < 0 &&
                                   (errno == EAGAIN || errno == EINTR));
}

static bool is_held_up(const struct attempt *a)
{
    return (a->forwards && forward_is_pending(&a->forward)) ||
           (a->paired && pair_is_pending(&a->pair));
}

static void drop_pending(struct attempt *a)
{
    if (a->forwards)
        forward_drop(&a->forward);
    else
        pair_drop(&a->pair);
}

void attempt_drain_output(struct attempt *a)
{
    struct cupel_error err;
    int r = capture_drain(&a->capture, &err);

    while (r == 0 && is_held_up(a)) {
        if (!wait_for_reader(a)) {
            drop_pending(a);
            break;
        }
        r = capture_drain(&a->capture, &err);
    }
    if (a->paired)
        pair_finish(&a->pair);
    if (r == 0 && a->forwards)
        r = forward_check(&a->forward, &err);
    if (r < 0)
        attempt_fail(a, &err);
    after_output(a);
}

/* ---- output that is a file ---- */

void attempt_take_file(struct attempt *a, unsigned step)
{
    struct cupel_error err;

    if (a->sandbox.output_file < 0 || a->file_steps > step || !a->facts->steps[step].started)
        return;
    a->file_steps = step + 1;
    if (capture_take_file(&a->capture, a->sandbox.output_file, &err) < 0)
        attempt_fail(a, &err);
    after_output(a);
}

/* ---- what PID 1 says ---- */

/* Tells the moment at which the first command began: not that at which we heard of it, which on a
 * busy machine may be after the job before it has ended. */
static void note_started(struct attempt_facts *f, uint64_t at_ns)
{
    struct timespec now;
    uint64_t ago;

    f->started_ns = at_ns;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    ago = clock_monotonic_ns() - at_ns;
    now.tv_sec -= (time_t)(ago / NSEC_PER_SEC);
    now.tv_nsec -= (long)(ago % NSEC_PER_SEC);
    if (now.tv_nsec < 0) {
        now.tv_nsec += (long)NSEC_PER_SEC;
        now.tv_sec--;
    }
    f->started = now;
}

static void on_step_started(struct attempt *a, const struct sandbox_event *e)
{
    struct step_facts *s = &a->facts->steps[e->step], *before = &a->facts->steps[a->step];

    a->step = e->step;
    a->between_steps = false;
    s->started = true;
    s->started_ns = e->at_ns;
    attempt_heard(a, clock_monotonic_ns()); /* as we see it: we may have stood still meanwhile */
    /* not what is captured by now: its output may have been quicker than this event */
    if (e->step > 0) {
        s->stdout_from = s->stdout_to = before->stdout_to;
        s->stderr_from = s->stderr_to = before->stderr_to;
    }
    a->step_cpu_ns = 0;
    if (e->step > 0 && a->cgroup != NULL &&
        billing_cpu_ns(a->cgroup, &a->sandbox, a->facts, &a->step_cpu_ns) < 0)
        a->step_cpu_ns = 0;
    attempt_bound_output(a);
    if (a->sandbox.output_file >= 0)
        a->file_look_at = 0;
    if (a->facts->started_ns == 0) {
        note_started(a->facts, e->at_ns);
        if (a->ctx->ready != NULL)
            ready_started(a->ctx->ready, e->at_ns);
        billing_begin(&a->sandbox, a->facts);
        atomic_store_explicit(&a->ctx->view->started_ns, e->at_ns, memory_order_relaxed);
        views_publish(a->ctx->view, &a->sandbox, instances_number(a->ctx->run, a->instance),
                      a->instance->user, a->cgroup);
    }
    attempt_check_cpu(a, e->at_ns);
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
    if (a->cgroup != NULL)
        footprint_command_ended(a->cgroup, a->facts);
}

/* What PID 1 has to free at its end (files in /dev/shm, what is cached of those on disk) takes CPU
 * time, for which the job is billed: where it is more than this, that is waited for. */
#define FREED_MAX ((uint64_t)8 << 20)

/* Whether the job is over before its PID 1 is, whose end takes a quarter of a millisecond: nothing
 * that is still to be asked has to wait for that. PID 1 says that it is alone, and the group has to
 * agree. */
static bool is_over(const struct attempt *a)
{
    static const uint32_t wanted = 1u << CGROUP_PIDS | 1u << CGROUP_MEMORY_BYTES;
    struct cgroup_usage u = {0};
    uint64_t left;

    /* what opens the job's root afterwards finds it as it always did: nobody's */
    if (a->killed || jobs_leaves_files(a->job) || a->caches != NULL || a->instance->is_base ||
        a->ctx->run->keep_failed > 0)
        return false;
    /* its PID 1 may have what the other writes to still open */
    if (a->paired)
        return false;
    /* networks with something outside that goes when PID 1 has gone */
    if (a->job->network == JOBS_NETWORK_NAT || a->job->network == JOBS_NETWORK_BRIDGE)
        return false;
    cgroup_job_figures(a->cgroup, wanted, &u);
    if (cgroup_usage_get(&u, CGROUP_PIDS, &left) && left > 0)
        return false;
    return cgroup_usage_get(&u, CGROUP_MEMORY_BYTES, &left) && left <= FREED_MAX;
}

static bool runs_after(enum jobs_step_when when, bool failed)
{
    return when == JOBS_STEP_ALWAYS || (when == JOBS_STEP_FAILURE) == failed;
}

/* The step that runs after this one by what became of all so far, those between passed over;
 * n_steps: none does. */
static size_t choose_next(struct attempt *a, size_t step, bool failed)
{
    struct attempt_facts *f = a->facts;
    size_t next = step + 1;

    while (next < f->n_steps && !runs_after(a->job->steps[next].when, failed))
        next++;
    for (size_t i = step + 1; i < next && (next < f->n_steps || !failed); i++)
        f->steps[i].passed_over = true;
    return next;
}

/* A step has ended, or was not executed: what comes next? */
static void go_on_after(struct attempt *a, unsigned step)
{
    struct attempt_facts *f = a->facts;
    bool failed = false;
    size_t next = f->n_steps;

    for (size_t i = 0; i <= step; i++)
        failed |= !f->steps[i].passed_over && !verdict_step_passed(a->job, f, i);
    if (f->cause == CAUSE_NONE && !a->killed)
        next = choose_next(a, step, failed);
    a->between_steps = next < f->n_steps;
    if (next < f->n_steps && next == step + 1)
        sandbox_continue(&a->sandbox);
    else if (next < f->n_steps)
        sandbox_continue_at(&a->sandbox, (unsigned)next, NULL);
    else if (a->job->after != NULL)
        a->quiet = true; /* PID 1 waits for the order to run it */
    else if (failed || f->cause != CAUSE_NONE)
        attempt_kill(a);
    else
        sandbox_continue_at(&a->sandbox, UINT32_MAX, NULL);
}

void attempt_note_input(struct attempt *a, unsigned step)
{
    struct step_facts *s = &a->facts->steps[step];

    if (s->started && s->input == SANDBOX_INPUT_UNKNOWN)
        s->input = sandbox_input_read(&a->sandbox);
}

/* All that the step wrote is in the pipes by now. */
static void on_step_quiet(struct attempt *a, const struct sandbox_event *e)
{
    struct step_facts *s = &a->facts->steps[e->step];
    bool last = e->step + 1 == a->facts->n_steps;
    struct cupel_error err;

    if (last && a->job->after == NULL) {
        a->quiet = a->cgroup != NULL && is_over(a);
        if (!a->quiet)
            sandbox_continue(&a->sandbox);
        return;
    }
    a->lift_at = LIMITS_NEVER;
    if (a->cgroup != NULL && cgroup_job_set_brakes(a->cgroup, &err) < 0)
        attempt_fail(a, &err);
    attempt_take_file(a, e->step);
    attempt_drain_output(a);
    s->stdout_to = a->capture.written[0];
    s->stderr_to = a->capture.written[1];
    capture_mark(&a->capture);
    attempt_note_input(a, e->step);
    sandbox_input_again(&a->sandbox);
    attempt_judge_step(a);
    if (!last && attempt_expect(a, e->step, &err) < 0)
        attempt_fail(a, &err);
    go_on_after(a, e->step);
}

/* PID 1 lives on where something may run all the same. */
static void on_not_executed(struct attempt *a, const struct sandbox_event *e)
{
    struct step_facts *s = &a->facts->steps[e->step], *before = &a->facts->steps[a->step];

    if (e->step > 0) {
        s->stdout_from = s->stdout_to = before->stdout_to;
        s->stderr_from = s->stderr_to = before->stderr_to;
    }
    go_on_after(a, e->step);
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
    redact_in_place(a->ctx->run->redact, f->leaks[f->n_leaks].command, sizeof(e->detail));
    f->n_leaks++;
}

static void say_why(struct attempt *a, const char *detail)
{
    struct attempt_facts *f = a->facts;
    cleanup_strbuf struct strbuf shown = {0};
    cleanup_free char *safe = redact_string(a->ctx->run->redact, detail, true);

    text_add_line(&shown, safe != NULL ? safe : detail);
    (void)snprintf(f->not_set_up, sizeof(f->not_set_up), "%s",
                   shown.data != NULL ? shown.data : "");
}

static void on_setup_failed(struct attempt *a, const struct sandbox_event *e)
{
    struct attempt_facts *f = a->facts;
    enum blame whose = BLAME_NOBODY;
    struct cupel_error err;

    if (a->cgroup != NULL) /* may have killed what was to become the command */
        attempt_check_oom(a);
    if (f->cause == CAUSE_NONE)
        whose = blame_set_up(a->ctx->run, a->instance, e, f->not_set_up, sizeof(f->not_set_up));
    if (whose == BLAME_JOB) {
        f->steps[e->step].not_set_up = true;
        return;
    }
    if (whose == BLAME_SUBMISSION)
        (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "%s", f->not_set_up);
    else
        (void)sandbox_setup_error(e, &err);
    if (str_eq(e->what, "user") && e->errnum == ENOENT)
        cupel_error_hint(&err, "the root's /etc/passwd has no such user");
    attempt_fail(a, &err);
}

void attempt_receive_events(struct attempt *a)
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
            say_why(a, e.detail);
            if (a->job->goes_on)
                on_not_executed(a, &e);
            break;
        case SANDBOX_SETUP_FAILED:
            on_setup_failed(a, &e);
            break;
        case SANDBOX_LEFT_RUNNING:
            on_left_running(a, &e);
            break;
        case SANDBOX_TERMINAL_READY:
            attempt_use_terminal(a);
            break;
        case SANDBOX_GONE: /* its pidfd follows; until then an end of file would wake us without end
                            */
            a->control_open = false;
            return;
        }
    }
}
