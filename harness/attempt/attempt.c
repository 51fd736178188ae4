/* SPDX-License-Identifier: Apache-2.0 */
/* attempt: one job, run once, from the slot's point of view: make its cgroup, start its sandbox,
 * watch it to its end, have it judged, take everything down. Not responsible for what ends it
 * (attempt_limits.c), what it says (attempt_events.c), how it is ended (attempt_end.c) or what is
 * found afterwards (attempt_collect.c). All of them gather facts; verdict.c judges them. */
#include "harness/attempt/attempt.h"

#include "base/weaken.h"
#include "harness/attempt/attempt_collect.h"
#include "harness/attempt/attempt_end.h"
#include "harness/attempt/attempt_events.h"
#include "harness/attempt/attempt_limits.h"
#include "harness/attempt/caches.h"
#include "harness/attempt/interactor.h"
#include "harness/attempt/keep_failed.h"
#include "harness/attempt/launch.h"
#include "harness/attempt/ready_exec.h"
#include "harness/attempt/slot.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* ---- what the supervisor says ---- */

static void receive_order(struct attempt *a)
{
    struct slot_message m;
    ssize_t n;

    attempt_receive_events(a); /* what was before the order */
    if (a->quiet)
        return; /* and the order is for the next one */
    n = recv(a->ctx->orders, &m, sizeof(m), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (a->facts->cause == CAUSE_NONE)
        a->facts->time_up = n == (ssize_t)sizeof(m) && m.order == ORDER_TIME_UP;
    attempt_note_cause(a, CAUSE_CANCELLED, false);
    if (n == (ssize_t)sizeof(m) && (m.order == ORDER_CANCEL || m.order == ORDER_TIME_UP)) {
        attempt_terminate(a);
    } else { /* ORDER_KILL, or a supervisor that is gone */
        a->forced = true;
        attempt_kill(a);
    }
}

/* ---- the loop ---- */

enum {
    POLL_ORDERS,
    POLL_CONTROL,
    POLL_OUT,
    POLL_ERR,
    POLL_OOM,
    POLL_GONE,
    POLL_HOLD,  /* of a job with services: it is set up */
    POLL_READY, /* of a service: a try whether it is */
    POLL_INTERACTOR,
    POLL_COUNT,
    POLL_SERVICES = POLL_COUNT + FORWARD_POLLS, /* or a pair's, which are fewer */
    POLL_ALL = POLL_SERVICES + SERVICES_POLLS
};

/* Asks for what only some attempts have; returns for how many descriptors there are then. */
static nfds_t poll_more(const struct attempt *a, struct pollfd fds[static POLL_ALL])
{
    fds[POLL_HOLD] = (struct pollfd){.fd = services_wait_for(a), .events = POLLIN};
    fds[POLL_READY].fd = -1;
    fds[POLL_INTERACTOR] = (struct pollfd){.fd = interactor_wait_for(a), .events = POLLIN};
    if (a->ctx->ready != NULL)
        ready_poll(a->ctx->ready, &fds[POLL_READY]);
    for (size_t i = POLL_COUNT; i < POLL_SERVICES; i++)
        fds[i].fd = -1;
    if (a->forwards)
        forward_poll(&a->forward, fds + POLL_COUNT);
    else if (a->paired)
        pair_poll(&a->pair, fds + POLL_COUNT);
    if (a->services != NULL)
        return POLL_SERVICES + (nfds_t)services_poll(a, fds + POLL_SERVICES);
    return POLL_COUNT + (a->forwards ? FORWARD_POLLS : a->paired ? PAIR_POLLS : 0);
}

static void serve_more(struct attempt *a, const struct pollfd fds[static POLL_ALL])
{
    if (a->forwards)
        forward_serve(&a->forward, fds + POLL_COUNT);
    else if (a->paired)
        attempt_serve_pair(a, fds + POLL_COUNT);
    if (fds[POLL_INTERACTOR].revents != 0)
        interactor_serve(a);
    if (fds[POLL_HOLD].revents != 0)
        services_begin(a, fds[POLL_HOLD].revents);
    else if (a->services != NULL)
        services_serve(a, fds + POLL_SERVICES);
}

static int output_fd(const struct attempt *a, int which)
{
    bool wanted = a->pipe_open[which] && !a->between_steps && capture_is_ready(&a->capture, which);

    return wanted ? a->capture.pipe[which] : -1;
}

static void serve_ready(struct attempt *a, const struct pollfd *fd)
{
    struct ready *r = a->ctx->ready;

    ready_serve(r, fd, clock_monotonic_ns());
    if (ready_wants_exec(r, clock_monotonic_ns()) && !a->killed)
        ready_exec(a);
}

static void watch(struct attempt *a)
{
    short oom_events = 0;
    int oom = a->cgroup != NULL ? cgroup_job_oom_fd(a->cgroup, &oom_events) : -EBADF;

    for (;;) {
        struct pollfd fds[POLL_ALL] = {
            [POLL_ORDERS] = {.fd = a->killed && !a->ending ? -1 : a->ctx->orders, .events = POLLIN},
            [POLL_CONTROL] = {.fd = a->control_open ? a->sandbox.control : -1, .events = POLLIN},
            [POLL_OUT] = {.fd = output_fd(a, 0), .events = POLLIN},
            [POLL_ERR] = {.fd = output_fd(a, 1), .events = POLLIN},
            [POLL_OOM] = {.fd = oom, .events = oom_events},
            [POLL_GONE] = {.fd = a->sandbox.pidfd, .events = POLLIN},
        };
        uint64_t now = clock_monotonic_ns(), wake = attempt_next_wake(a),
                 wait = wake > now ? wake - now : 0;
        struct timespec timeout = {(time_t)(wait / NSEC_PER_SEC), (long)(wait % NSEC_PER_SEC)};
        int n = ppoll(fds, poll_more(a, fds), &timeout, NULL);

        if (n < 0 && errno != EINTR)
            break;
        standstill_woke(&a->ctx->standstill, now + wait, clock_monotonic_ns(), attempt_held_back,
                        a);
        if (n > 0 && fds[POLL_CONTROL].revents != 0)
            attempt_receive_events(a);
        if (a->quiet)
            break;
        if (!weakened("late-deadlines") || !(a->pipe_open[0] || a->pipe_open[1]))
            attempt_check_deadlines(a); /* before the output, of which there may be any amount */
        if (n > 0)
            serve_more(a, fds);
        interactor_look(a);
        if (a->ctx->ready != NULL && n >= 0)
            serve_ready(a, &fds[POLL_READY]);
        if (n > 0 && fds[POLL_OUT].revents != 0)
            attempt_take_output(a, 0);
        if (n > 0 && fds[POLL_ERR].revents != 0)
            attempt_take_output(a, 1);
        if (n > 0 && fds[POLL_OOM].revents != 0)
            attempt_check_oom(a);
        if (n > 0 && fds[POLL_GONE].revents != 0)
            break;
        if (n > 0 && fds[POLL_ORDERS].revents != 0)
            receive_order(a);
        observe_tick(&a->observer, clock_monotonic_ns());
    }
}

/* ---- start and end ---- */

/* The caller's streams in place of logs: of the last job alone, the others are what it starts from.
 */
static void find_streams(struct attempt *a)
{
    const struct run *run = a->ctx->run;

    a->forwards = run->streams != NULL && a->instance == &run->instances[run->n_instances - 1];
    if (a->forwards)
        forward_begin(&a->forward, run->streams);
}

static struct launch_session caller_streams(const struct attempt *a)
{
    const struct run_streams *s = a->ctx->run->streams;

    return (struct launch_session){.stdio = s->terminal            ? SANDBOX_STDIO_TERMINAL
                                            : forward_has_input(s) ? SANDBOX_STDIO_PIPES
                                                                   : SANDBOX_STDIO_CAPTURED,
                                   .one_output = forward_has_one_output(s),
                                   .rows = s->rows,
                                   .columns = s->columns};
}

static int attempt_launch(struct attempt *a, struct cupel_error *err)
{
    struct launch_session session = {.stdio = SANDBOX_STDIO_PIPES};
    /* until it has what it is to have */
    struct limits_view v = attempt_limits(a);
    bool hold = a->services != NULL || cores_granted(&a->ctx->run->cores, &a->job->limits) > 0 ||
                instructions_are_asked(&v);

    if (a->paired)
        return launch_instance(a->ctx, a->instance, &session, hold, &a->caches, &a->cgroup,
                               &a->sandbox, err);
    find_streams(a);
    if (!a->forwards)
        return launch_instance(a->ctx, a->instance, NULL, hold, &a->caches, &a->cgroup, &a->sandbox,
                               err);
    session = caller_streams(a);
    return launch_instance(a->ctx, a->instance, &session, hold, &a->caches, &a->cgroup, &a->sandbox,
                           err);
}

/* Takes what is prepared, or starts from the beginning. */
static int attempt_start(struct attempt *a, struct attempt_ahead *ahead, struct cupel_error *err)
{
    int r = 0;

    /* one that was prepared before another job saved what this one wants is begun anew */
    if (ahead != NULL && ahead->instance != NULL &&
        (a->paired || !caches_are_current(ahead->caches)))
        attempt_drop(a->ctx, ahead);
    if (ahead == NULL || ahead->instance == NULL)
        return attempt_launch(a, err);
    if (a->ctx->late)
        r = launch_limits(a->ctx, ahead->instance, a->instance, ahead->cgroup, &ahead->sandbox,
                          err);
    if (a->ctx->late && r == 0)
        r = launch_words(a->ctx, a->instance, &ahead->sandbox, err);
    if (r < 0)
        attempt_drop(a->ctx, ahead);
    if (r == -E2BIG || r == -EBUSY || r == -EAGAIN) /* it takes one of its own */
        return attempt_launch(a, err);
    if (r < 0)
        return r;
    a->cgroup = ahead->cgroup;
    a->caches = ahead->caches;
    a->sandbox = ahead->sandbox;
    *ahead = (struct attempt_ahead){.instance = NULL};
    return 0;
}

/* Tells that others had what the job was to have for itself, beyond what a job takes to be gone. */
#define WAITED_NOTED_NS (NSEC_PER_SEC / 4)
static void note_waited(const struct attempt_context *ctx, struct attempt_result *ret)
{
    char took[UNIT_TEXT_SIZE];

    if (ctx->cores.waited_ns >= WAITED_NOTED_NS)
        strings_add(&ret->notes, xasprintf("waited %s for whole cores, which another run had",
                                           unit_format_duration(ctx->cores.waited_ns, took)));
}

/* Notes which order it was that ended the start; it is still to be taken. */
static void note_cancelled(struct attempt *a)
{
    struct slot_message m;
    ssize_t n = recv(a->ctx->orders, &m, sizeof(m), MSG_DONTWAIT | MSG_PEEK);

    a->facts->time_up = n == (ssize_t)sizeof(m) && m.order == ORDER_TIME_UP;
    attempt_note_cause(a, CAUSE_CANCELLED, false);
}

/* Takes them; of a job that cannot have its own, nothing runs. */
static int take_cores(struct attempt *a)
{
    struct cupel_error err;
    int r = launch_take_cores(a->ctx, a->instance, a->cgroup, a->ctx->orders, &err);

    if (r == -ECANCELED)
        note_cancelled(a);
    if (r < 0)
        attempt_fail(a, &err);
    return r;
}

static void start_and_watch(struct attempt *a, struct attempt_ahead *ahead)
{
    struct limits_view v = attempt_limits(a);
    struct cupel_error err;
    int r = interactor_begin(a, &err);

    if (r == 0)
        r = attempt_start(a, ahead, &err);
    if (r == -ECANCELED)
        note_cancelled(a);
    if (r < 0) {
        attempt_fail(a, &err);
        attempt_check_losses(a);
        return;
    }
    a->has_sandbox = true;
    r = take_cores(a);
    a->ordered_ns = clock_monotonic_ns();
    a->pipe_open[0] = a->pipe_open[1] = a->control_open = true;
    capture_init(&a->capture, a->ctx->run->out, a->instance->log_name, a->sandbox.out,
                 a->sandbox.err);
    attempt_bound_output(a);
    if (a->ctx->run->redact != NULL &&
        capture_redact(&a->capture, a->ctx->run->redact, a->job, &err) < 0)
        attempt_fail(a, &err);
    a->capture.ready = a->ctx->ready;
    a->capture.heads = a->ctx->heads;
    if (a->forwards)
        a->capture.forward = &a->forward;
    if (a->paired)
        a->capture.pair = &a->pair;
    if (a->paired && pair_introduce(&a->pair, &a->sandbox.in, &err) < 0)
        attempt_fail(a, &err);
    if (a->forwards && a->sandbox.in >= 0)
        forward_input_to(&a->forward, &a->sandbox.in, false);
    attempt_use_terminal(a); /* of a prepared one it is there */
    observe_begin(&a->observer, a->ctx, a->cgroup, &a->sandbox, a->job, a->facts);
    uncounted_begin(&a->uncounted, a->job, limits_enforced(&v, &a->job->limits, JOBS_LIMIT_MEMORY),
                    &a->sandbox);
    if (r == 0)
        instructions_begin(a);
    /* else it goes when they are ready, or has no cores to go on, or is not to go at all */
    if (a->services == NULL && r == 0 && !a->killed) {
        sandbox_go(&a->sandbox); /* nothing of a prepared one has run until now */
        observe_went(&a->observer);
    }
    watch(a);
    attempt_collect_facts(a);
}

void attempt_take_down(struct attempt_context *ctx, struct attempt_leftover *leftover)
{
    struct cupel_error err;

    if (leftover->has_sandbox && leftover->sandbox.pid > 0) /* it is quiet, and ends meanwhile */
        sandbox_continue(&leftover->sandbox);
    if (leftover->cgroup != NULL && cgroup_job_destroy(leftover->cgroup, &err) < 0)
        log_warning("%s", err.message);
    if (leftover->has_sandbox) {
        sandbox_reap(&leftover->sandbox);
        if (sandbox_finish(ctx->stage, &leftover->sandbox, &err) < 0)
            log_warning("%s", err.message);
    }
    cores_give_back(&ctx->cores);
    if (!caches_are_needed(leftover->caches)) /* else they are held as long as this slot is there */
        caches_free(leftover->caches);
    leftover->caches = NULL;
}

/* ---- ahead of the order ---- */

void attempt_prepare(struct attempt_context *ctx, const struct instance *instance,
                     struct attempt_ahead *ret)
{
    struct attempt_ahead ahead = {.instance = instance, .sandbox = SANDBOX_JOB_INIT};
    struct cupel_error ignored;

    if (launch_instance(ctx, instance, NULL, true, &ahead.caches, &ahead.cgroup, &ahead.sandbox,
                        &ignored) < 0)
        attempt_drop(ctx, &ahead);
    else
        cgroup_job_keep_open(ahead.cgroup); /* now: PID 1 is not to inherit that */
    *ret = ahead;
}

/* Whatever else PID 1 has to say before GO is that something went wrong. */
void attempt_listen(struct attempt_context *ctx, struct attempt_ahead *ahead)
{
    struct sandbox_event e;

    if (sandbox_receive(&ahead->sandbox, &e) > 0 && e.kind != SANDBOX_TERMINAL_READY)
        attempt_drop(ctx, ahead);
}

void attempt_drop(struct attempt_context *ctx, struct attempt_ahead *ahead)
{
    struct attempt_leftover leftover = {.cgroup = ahead->cgroup,
                                        .sandbox = ahead->sandbox,
                                        .has_sandbox = ahead->sandbox.pid > 0,
                                        .caches = ahead->caches};

    if (leftover.has_sandbox)
        sandbox_kill(&leftover.sandbox);
    attempt_take_down(ctx, &leftover);
    *ahead = (struct attempt_ahead){.instance = NULL};
}

/* ---- one attempt ---- */

void attempt_run(struct attempt_context *ctx, const struct instance *instance,
                 struct attempt_ahead *ahead, struct attempt_result *ret,
                 struct attempt_leftover *ret_leftover)
{
    struct attempt a = {.ctx = ctx,
                        .instance = instance,
                        .job = instance->job,
                        .facts = &ret->facts,
                        .sandbox = SANDBOX_JOB_INIT,
                        .pair = PAIR_NONE,
                        .written = {.fd = -EBADF},
                        .paired = ctx->pair >= 0,
                        .kill_at = LIMITS_NEVER,
                        .check_cpu_at = LIMITS_NEVER,
                        .instructions = {.look_at = LIMITS_NEVER},
                        .file_look_at = LIMITS_NEVER,
                        .lift_at = LIMITS_NEVER};

    *ret = (struct attempt_result){.facts = {.n_steps = instance->job->n_steps}};
    ret->facts.steps = xcalloc(ret->facts.n_steps, sizeof(*ret->facts.steps));
    if (a.paired) {
        pair_begin(&a.pair, steal_fd(&ctx->pair));
        ret->facts.pair.other = ctx->pair_with;
        if (instance->judge != NULL) {
            a.pair.ends = ctx->ends;
            a.pair.side = PAIR_JUDGE;
            a.pair.transcript = ctx->transcript;
            a.pair.transcript_max = instance->judge->transcript;
        }
    }
    a.services = services_new(&a);
    (void)clock_gettime(CLOCK_REALTIME, &ret->facts.started);
    start_and_watch(&a, ahead);
    pair_end(&a.pair);
    attempt_judge(&a, ret);
    note_waited(ctx, ret);
    ret->has_stdout = a.capture.written[0] > 0;
    ret->has_stderr = a.capture.written[1] > 0;
    base_closep(&a.written.fd);
    if (a.has_sandbox)
        capture_close(&a.capture);
    if (a.forwards)
        forward_end(&a.forward);
    services_free(a.services);
    interactor_free(&a);
    if (a.has_sandbox && ctx->run->keep_failed > 0)
        keep_failed_store(ctx, instance, &a.sandbox, a.caches, ret);
    *ret_leftover = (struct attempt_leftover){a.cgroup, a.sandbox, a.has_sandbox, a.caches};
    atomic_store_explicit(&ctx->view->started_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&ctx->view->memory_bytes, UINT64_MAX, memory_order_relaxed);
}

void attempt_result_free(struct attempt_result *r)
{
    free(r->facts.steps);
    free(r->facts.leaks);
    free(r->steps);
    free(r->near_limit);
    free(r->checked.for_staff);
    free(r->checked.for_all);
    free(r->kept);
    strings_free(&r->artifacts);
    free(r->files);
    if (r->tests != NULL)
        free((char *)(uintptr_t)r->tests->data);
    free(r->tests);
    strings_free(&r->notes);
    for (size_t i = 0; i < r->n_caches; i++)
        free((char *)(uintptr_t)r->caches[i].restored);
    free(r->caches);
}
