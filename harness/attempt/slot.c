/* SPDX-License-Identifier: Apache-2.0 */
/* slot: the process that does the blocking kernel work of one job at a time. It is forked from the
 * supervisor after everything is prepared, so it knows the plan, the roots and the compiled filter;
 * an order is a number. It dies with the supervisor. */
#include "harness/attempt/slot.h"

#include "base/weaken.h"
#include "harness/attempt/attempt.h"
#include "harness/attempt/checker.h"
#include "harness/attempt/facts.h"
#include "harness/attempt/observe.h"
#include "harness/attempt/verdict.h"
#include "harness/attempt/wire.h"
#include "harness/run/idrange.h"
#include "harness/run/rundir.h"
#include "harness/run/trace.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TIMER_SLACK_NS 50000UL /* the kernel's own (PR_SET_TIMERSLACK(2const)) */

/* How the kernel serves the processes: whoever started cupel by chrt(1) or ionice(1) has not chosen
 * that for jobs, whose time limits would hold something else. The control groups of some kernels do
 * not even take a process of another policy. */
static void normalise_scheduling(void)
{
    static const struct sched_param none = {0};

    (void)sched_setscheduler(0, SCHED_OTHER, &none);
    (void)setpriority(PRIO_PROCESS, 0, 0);
    (void)syscall(SYS_ioprio_set, 1 /* one process */, 0, 0 /* what nice says */);
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    (void)prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

/* What jobs must not inherit from whoever started cupel, and only a privileged process can put
 * right. */
static void normalise(void)
{
    static const __rlimit_resource_t raised[] = {
        RLIMIT_CORE,    RLIMIT_NOFILE,   RLIMIT_STACK,     RLIMIT_FSIZE, RLIMIT_NPROC,
        RLIMIT_CPU,     RLIMIT_AS,       RLIMIT_DATA,      RLIMIT_RSS,   RLIMIT_LOCKS,
        RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING};

    if (weakened("session"))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(raised); i++) {
        struct rlimit l;

        if (getrlimit(raised[i], &l) < 0)
            continue;
        /* nothing but the hard limit: commands set their own soft ones, and fail loudly where they
         * cannot */
        l.rlim_max = raised[i] == RLIMIT_NOFILE ? jobs_limit_table[JOBS_LIMIT_OPEN_FILES].max
                                                : RLIM_INFINITY;
        (void)setrlimit(raised[i], &l);
    }
    /* jobs have more: sandbox/slot/oom_order.c */
    (void)file_put_at(-1, "/proc/self/oom_score_adj", "0");
    normalise_scheduling();
}

static void die_with_supervisor(pid_t supervisor)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) /* it died before the line above */
        _exit(1);
}

/* A slot that cannot start says so in every result that it is asked for. */
static void report_unstarted(const struct instance *instance, uint32_t index, int socket,
                             const struct cupel_error *err)
{
    struct attempt_result result = {
        .facts = {.cause = CAUSE_HARNESS, .n_steps = instance->job->n_steps, .harness = *err}};

    result.facts.steps = xcalloc(result.facts.n_steps, sizeof(*result.facts.steps));
    verdict_of_job(instance->job, &result.facts, &result.job);
    result.steps = xcalloc(result.facts.n_steps, sizeof(*result.steps));
    for (size_t i = 0; i < result.facts.n_steps; i++)
        verdict_of_step(instance->job, &result.facts, i, &result.job, &result.steps[i]);
    (void)wire_send(socket, index, &result);
    attempt_result_free(&result);
}

void slot_become(pid_t supervisor)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    die_with_supervisor(supervisor);
    (void)setpgid(0, 0); /* the terminal's Ctrl-C goes to the supervisor alone */
    normalise();
}

/* One that reads the caller's streams stays in the caller's process group, or its terminal would
 * stop it; what the supervisor has blocked is the supervisor's to hear. */
static void become_with_streams(pid_t supervisor)
{
    die_with_supervisor(supervisor);
    normalise();
}

int slot_open_stage(const struct run *run, unsigned number, struct sandbox_stage **ret_stage,
                    int *ret_lock, struct cupel_error *err)
{
    struct sandbox_stage_config config = {.store_dirfd = run->dirfd,
                                          .templates = run->templates,
                                          .number = number,
                                          .nat = run->nat,
                                          .snapshots = run->snapshots,
                                          .keeps = run->keep_failed > 0,
                                          .devices = run->devices,
                                          .hidden = run->hidden,
                                          .disk = sandbox_disk_ahead_socket(run->disk)};
    int r = idrange_claim(&config.id_base, ret_lock, err);

    if (weakened("id-map") || weakened("user-namespace"))
        config.id_base = 0;
    if (r == 0)
        r = cgroup_run_enter_init(run->cgroups, err);
    if (r == 0)
        r = sandbox_stage_open(&config, ret_stage, err);
    return r;
}

/* ---- orders ---- */

/* Room for the descriptor that comes with an order, aligned as the kernel's header wants it. */
union pair_control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

/* What a slot has in hand. */
struct work {
    struct attempt_context ctx;
    struct attempt_ahead ahead;
    int failed; /* the stage could not be opened: why is in `err` */
    struct cupel_error err;
};

/* Receives an order, and the socket that comes with one of a pair, into ctx->pair. */
static ssize_t receive_order(struct attempt_context *ctx, struct slot_message *ret)
{
    union pair_control control = {0};
    struct iovec iov = {ret, sizeof(*ret)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(ctx->orders, &m, MSG_WAITALL | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

    base_closep(&ctx->pair); /* of an order that came to nothing */
    ctx->pair = -EBADF;
    if (c != NULL && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(ctx->pair)))
        memcpy(&ctx->pair, CMSG_DATA(c), sizeof(ctx->pair));
    return n;
}

bool slot_next_order(struct attempt_context *ctx, struct attempt_ahead *ahead,
                     struct slot_message *ret)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = ctx->orders, .events = POLLIN},
                               {.fd = ahead->sandbox.control, .events = POLLIN}};
        ssize_t n;

        if (ahead->instance != NULL && poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            return false;
        if (ahead->instance != NULL && fds[1].revents != 0)
            attempt_listen(ctx, ahead);
        if (ahead->instance != NULL && fds[0].revents == 0)
            continue;
        n = receive_order(ctx, ret);
        if (n >= 0 || errno != EINTR)
            return n == (ssize_t)sizeof(*ret);
    }
}

static void prepare(struct work *w, const struct instance *instance)
{
    if (instance != NULL && instance->job->checker != NULL && instance->job->checker->interactive)
        instance = NULL; /* its standard input is made with its interactor */
    if (w->ahead.instance == instance)
        return;
    if (w->ahead.instance != NULL)
        attempt_drop(&w->ctx, &w->ahead);
    if (instance != NULL)
        attempt_prepare(&w->ctx, instance, &w->ahead);
}

/* Writes what the steps of setting up took, once all is done. */
static void trace(const struct work *w, struct trace_attempt *t, const struct sandbox_job *job)
{
    struct sandbox_step_time times[SANDBOX_STEPS_MAX];
    struct trace_step list[SANDBOX_STEPS_MAX + 1];
    size_t n = sandbox_step_times(job, times);

    t->done_ns = clock_monotonic_ns();
    list[0] = (struct trace_step){"group", "slot", w->ctx.times.group_took_ns,
                                  w->ctx.times.group_ns < t->ordered_ns};
    for (size_t i = 0; i < n; i++)
        list[1 + i] = (struct trace_step){times[i].name, times[i].where, times[i].took_ns,
                                          times[i].began_ns < t->ordered_ns};
    trace_attempt(w->ctx.run->trace, t, list, 1 + n);
}

void slot_make_way(void)
{
    (void)sched_yield();
}

/* Has another process for checkers where that has died, whatever killed it: what it ran ended with
 * it, and what comes is not to. */
static void revive_checker(struct work *w)
{
    if (!checker_is_gone(w->ctx.checker))
        return;
    prepare(w, NULL); /* it would have that open */
    checker_revive(w->ctx.checker);
}

/* Returns whether there is somebody to take the result. */
static bool run_one(struct work *w, uint32_t number)
{
    const struct instance *instance = &w->ctx.run->instances[number];
    struct trace_attempt t = {.id = instance->id, .ordered_ns = clock_monotonic_ns()};
    struct attempt_leftover leftover;
    struct attempt_result result;
    int sent;

    if (w->ahead.instance != instance)
        prepare(w, NULL);
    revive_checker(w);
    t.prepared = w->ahead.instance != NULL;
    attempt_run(&w->ctx, instance, &w->ahead, &result, &leftover);
    sent = wire_send(w->ctx.orders, number, &result);
    t.answered_ns = clock_monotonic_ns();
    slot_make_way();
    t.began_ns = result.facts.started_ns;
    t.ended_ns = result.facts.ended_ns;
    attempt_result_free(&result);
    /* while the supervisor reports, and other slots run */
    attempt_take_down(&w->ctx, &leftover);
    if (w->ctx.run->traces && leftover.has_sandbox)
        trace(w, &t, &leftover.sandbox);
    revive_checker(w);
    return sent == 0;
}

/* Returns whether to go on. */
static bool obey(struct work *w, const struct slot_message *m)
{
    const struct instance *instance = &w->ctx.run->instances[m->instance];

    switch (m->order) {
    case ORDER_RUN:
        if (w->failed == 0)
            return run_one(w, m->instance);
        report_unstarted(instance, m->instance, w->ctx.orders, &w->err);
        return true;
    case ORDER_PREPARE:
        if (w->failed == 0)
            prepare(w, instance);
        return true;
    case ORDER_FORGET:
        if (w->failed == 0)
            sandbox_snapshot_forget(w->ctx.stage, m->instance);
        return true;
    default: /* a cancellation that came when its job was already done */
        return true;
    }
}

_Noreturn static void slot_main(const struct run *run, unsigned number, int socket)
{
    struct work w = {
        .ctx = {.run = run, .view = &run->views[number], .orders = socket, .pair = -EBADF}};
    struct slot_message m;
    int lock = -EBADF;

    w.ctx.checker = checker_open(run, number, socket);
    w.failed = slot_open_stage(run, number, &w.ctx.stage, &lock, &w.err);
    if (w.failed == 0) /* no order comes while a job is being started but to end it */
        sandbox_stage_cancel_by(w.ctx.stage, socket);
    if (w.failed == 0 && run->traces)
        sandbox_stage_trace(w.ctx.stage);
    observe_open(&w.ctx);
    w.ctx.around = cgroup_around_open(run->cgroups);
    while (slot_next_order(&w.ctx, &w.ahead, &m) && obey(&w, &m))
        ;
    prepare(&w, NULL);
    checker_close(w.ctx.checker);
    if (w.failed == 0)
        sandbox_stage_close(w.ctx.stage);
    cgroup_around_close(w.ctx.around);
    base_closep(&lock);
    _exit(0);
}

static void close_others(const struct slot *slots, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slots[i].pid > 0) {
            (void)close(slots[i].socket);
            (void)close(slots[i].pidfd);
        }
}

int slot_start(const struct run *run, struct slot *slots, size_t n, size_t number,
               struct cupel_error *err)
{
    pid_t supervisor = getpid(), pid;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make a socket for slot %zu",
                               number);
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        close_others(slots, n);
        if (run->streams != NULL)
            become_with_streams(supervisor);
        else
            slot_become(supervisor);
        slot_main(run, (unsigned)number, ends[1]);
    }
    (void)close(ends[1]);
    sandbox_disk_ahead_given(run->disk);
    if (pid < 0) {
        int r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot start slot %zu", number);

        (void)close(ends[0]);
        return r;
    }
    slots[number] = (struct slot)SLOT_NONE;
    slots[number].pid = pid;
    slots[number].socket = ends[0];
    slots[number].pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return 0;
}

int slot_order(const struct slot *s, enum slot_order order, uint32_t instance)
{
    struct slot_message m = {.order = order, .instance = instance};

    return send(s->socket, &m, sizeof(m), MSG_NOSIGNAL) == (ssize_t)sizeof(m) ? 0 : -errno;
}

int slot_order_pair(const struct slot *s, uint32_t instance, int other)
{
    struct slot_message order = {.order = ORDER_RUN, .instance = instance};
    union pair_control control = {0};
    struct iovec iov = {&order, sizeof(order)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(other));
    memcpy(CMSG_DATA(c), &other, sizeof(other));
    return sendmsg(s->socket, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(order) ? 0 : -errno;
}

void slot_dismiss(struct slot *s)
{
    base_closep(&s->socket);
    s->socket = -EBADF;
}

int slot_stop(struct slot *s)
{
    int status = 0;

    base_closep(&s->socket);
    base_closep(&s->pidfd);
    if (s->pid > 0)
        while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
            ;
    *s = (struct slot)SLOT_NONE;
    return status;
}
