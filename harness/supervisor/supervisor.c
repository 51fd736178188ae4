/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: the event loop. Policy only: what Ctrl-C does, when the reports are written. It
 * never waits for a job: slots do. Not responsible for which job goes to which slot (dispatch.c),
 * for what is run again and what a failed need means (outcomes.c). */
#include "harness/supervisor/supervisor.h"

#include "harness/run/instances.h"
#include "harness/run/views.h"
#include "harness/supervisor/delayed.h"
#include "harness/supervisor/dispatch.h"
#include "harness/supervisor/outcomes.h"
#include "harness/supervisor/schedule_make.h"
#include "harness/supervisor/spared.h"
#include "harness/supervisor/submissions.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define TICK_LIVE_NS (100 * NSEC_PER_MSEC)
#define TICK_PLAIN_NS NSEC_PER_SEC /* for remarks on slow jobs */
/* epoll data: slots have their number, the rest these */
#define EVENT_SIGNAL UINT64_C(0x100000000)
#define EVENT_TICK UINT64_C(0x100000001)
#define EVENT_KEY UINT64_C(0x100000002)
#define EVENT_TIMEOUT UINT64_C(0x100000003)
#define EVENT_RETRY UINT64_C(0x100000004)

/* ---- slots ---- */

/* Says whether an answer is to the order that was given. */
static bool is_answer(const struct supervisor *s, const struct slot *slot,
                      const struct wire_result *w)
{
    return slot->busy && w->instance == slot->instance &&
           w->result.n_cases == s->p.run.instances[slot->instance].job->n_steps;
}

static void on_slot(struct supervisor *s, size_t number)
{
    struct wire_result w;
    int r = wire_receive(s->slots[number].socket, &w);

    if (r == 0 && !is_answer(s, &s->slots[number], &w)) {
        wire_result_free(&w);
        r = -EBADMSG;
    }
    if (r < 0) {
        dispatch_bury(s, number);
        return;
    }
    s->slots[number].busy = false;
    s->slots[number].ended = ++s->n_ended;
    s->running--;
    w.result.slot = (unsigned)number + 1;
    outcomes_take(s, &w);
}

/* ---- the user ---- */

static size_t running(struct supervisor *s, struct reports_running *list)
{
    uint64_t now = clock_monotonic_ns();
    size_t n = 0;

    for (size_t i = 0; i < s->p.run.n_slots; i++) {
        const struct reports_result *before = s->results[s->slots[i].instance];
        const struct jobs_job *job;
        uint64_t since;

        if (!s->slots[i].busy)
            continue;
        job = s->p.run.instances[s->slots[i].instance].job;
        since = atomic_load_explicit(&s->p.run.views[i].started_ns, memory_order_relaxed);
        list[n++] = (struct reports_running){
            .id = s->p.run.instances[s->slots[i].instance].id,
            .attempt = (before != NULL ? before->attempts : 0) + 1,
            .attempts_max = outcomes_attempts_max(s, s->slots[i].instance),
            .wall_ns = since != 0 && now > since ? now - since : 0,
            .wall_limit_ns = jobs_limit_is_said(&job->limits, JOBS_LIMIT_WALL)
                                 ? job->limits.value[JOBS_LIMIT_WALL]
                                 : 0,
            .memory_bytes =
                atomic_load_explicit(&s->p.run.views[i].memory_bytes, memory_order_relaxed),
            .memory_limit = jobs_limit_is_set(&job->limits, JOBS_LIMIT_MEMORY)
                                ? job->limits.value[JOBS_LIMIT_MEMORY]
                                : 0,
        };
    }
    return n;
}

static void show(struct supervisor *s,
                 void (*how)(struct reports_console *, const struct reports_running *, size_t))
{
    struct reports_running *list = xcalloc(s->options->slots, sizeof(*list));

    how(s->p.console, list, running(s, list));
    free(list);
}

/* Cancels the run: the first time jobs are cancelled and reported, the second time it ends at once.
 */
static void cancel(struct supervisor *s)
{
    s->cancelled++;
    s->stopping = true;
    reports_console_status(s->p.console,
                           s->cancelled == 1
                               ? "cancelling: waiting for the running jobs (again: kill them)"
                               : "killing the running jobs");
    for (size_t i = 0; i < s->p.run.n_slots; i++)
        if (s->slots[i].busy)
            (void)slot_order(&s->slots[i], s->cancelled == 1 ? ORDER_CANCEL : ORDER_KILL,
                             s->slots[i].instance);
}

/* Ends the run as its user would, once, for --timeout. */
static void on_timeout(struct supervisor *s)
{
    uint64_t times;

    if (read(s->timeout, &times, sizeof(times)) != (ssize_t)sizeof(times) || s->cancelled > 0)
        return;
    s->time_up = s->stopping = true;
    reports_console_status(s->p.console,
                           "the run's time is over (--timeout): cancelling the running jobs");
    for (size_t i = 0; i < s->p.run.n_slots; i++)
        if (s->slots[i].busy)
            (void)slot_order(&s->slots[i], ORDER_TIME_UP, s->slots[i].instance);
}

static void supervisor_on_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGUSR1)
        show(s, reports_console_dump);
    else
        cancel(s);
}

static void on_key(struct supervisor *s)
{
    char key;

    if (read(STDIN_FILENO, &key, 1) == 1) {
        if (key == 't')
            show(s, reports_console_dump);
    } else {
        (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    }
}

/* Keys come one by one while the display is live and we are in the foreground; Ctrl-C stays a
 * signal. */
static void watch_keys(struct supervisor *s)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = EVENT_KEY};
    struct termios raw;

    if (!reports_console_is_live(s->p.console) || !isatty(STDIN_FILENO) ||
        tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &s->terminal) < 0)
        return;
    raw = s->terminal;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
        return;
    s->terminal_changed = true;
    (void)epoll_ctl(s->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &e);
}

/* ---- the loop ---- */

static int watch_fd(int epoll, int fd, uint64_t what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = what};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* Says whether a signal came while the display waits for a reader that does not read; all that ran
 * has ended. */
static bool supervisor_gives_up(void *data)
{
    struct supervisor *s = data;
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info) || info.ssi_signo == SIGUSR1)
        return false;
    s->cancelled++;
    return true;
}

/* The time of --timeout counts from here, where the first job can start. */
static int watch_timeout(struct supervisor *s)
{
    uint64_t ns = s->options->timeout_ns;
    struct itimerspec once = {.it_value = {(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)}};

    if (ns == 0)
        return 0;
    s->timeout = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->timeout < 0 || timerfd_settime(s->timeout, 0, &once, NULL) < 0)
        return -errno;
    return watch_fd(s->epoll, s->timeout, EVENT_TIMEOUT);
}

/* Signals are blocked from before the first fork: slots reset their mask. */
static int open_events(struct supervisor *s, struct cupel_error *err)
{
    uint64_t tick = reports_console_is_live(s->p.console) ? TICK_LIVE_NS : TICK_PLAIN_NS;
    struct timespec period = {(time_t)(tick / NSEC_PER_SEC), (long)(tick % NSEC_PER_SEC)};
    struct itimerspec every = {.it_interval = period, .it_value = period};
    sigset_t set;
    int r;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->epoll < 0 || s->signals < 0 || s->tick < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make the event loop");
    r = watch_fd(s->epoll, s->signals, EVENT_SIGNAL);
    if (r == 0)
        r = timerfd_settime(s->tick, 0, &every, NULL) < 0 ? -errno
                                                          : watch_fd(s->epoll, s->tick, EVENT_TICK);
    reports_console_stop_on(s->p.console, s->signals, supervisor_gives_up, s);
    if (r == 0)
        r = watch_timeout(s);
    s->retries = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (r == 0)
        r = s->retries < 0 ? -errno : watch_fd(s->epoll, s->retries, EVENT_RETRY);
    if (r == 0)
        watch_keys(s);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the event loop") : 0;
}

static void on_tick(struct supervisor *s)
{
    uint64_t times;

    if (read(s->tick, &times, sizeof(times)) != (ssize_t)sizeof(times))
        return;
    show(s, reports_console_tick);
    kept_verdicts_settle(&s->p, false);
}

static void supervisor_loop(struct supervisor *s)
{
    struct epoll_event events[64];

    dispatch(s);
    if (s->p.run.out != NULL)
        outcomes_expect(s); /* while slots start the first jobs */
    while (!schedule_done(s->schedule)) {
        int n = epoll_wait(s->epoll, events, (int)ARRAY_SIZE(events), -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == EVENT_SIGNAL)
                supervisor_on_signal(s);
            else if (events[i].data.u64 == EVENT_TICK)
                on_tick(s);
            else if (events[i].data.u64 == EVENT_TIMEOUT)
                on_timeout(s);
            else if (events[i].data.u64 == EVENT_RETRY)
                delayed_release(s);
            else if (events[i].data.u64 == EVENT_KEY)
                on_key(s);
            else
                on_slot(s, (size_t)events[i].data.u64);
        }
        dispatch(s);
    }
}

/* ---- begin and end ---- */

static void supervisor_end(struct supervisor *s)
{
    /* all of them end at the same time */
    for (size_t i = 0; s->slots != NULL && i < s->p.run.n_slots; i++)
        base_closep(&s->slots[i].socket);
    for (size_t i = 0; s->slots != NULL && i < s->p.run.n_slots; i++)
        if (s->slots[i].pid > 0)
            (void)slot_stop(&s->slots[i]);
    if (s->terminal_changed)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &s->terminal);
    base_closep(&s->epoll);
    base_closep(&s->tick);
    base_closep(&s->timeout);
    base_closep(&s->retries);
    free(s->delayed);
    for (size_t i = 0; i < s->p.run.n_instances; i++)
        arena_free(s->arenas[i]);
    free(s->arenas);
    arena_free(s->kept);
    free(s->results);
    snapshot_needs_free(s->bases);
    submissions_free(s->submissions);
    schedule_free(s->schedule);
    free(s->slots);
    free(s->upcoming);
    free(s->room);
    prepared_end(&s->p);
    base_closep(&s->signals);
    /* nothing is left to be tidied: what comes now ends the process */
    interrupt_release(&s->p.signals, false);
}

int supervisor_run(const struct run_options *options, int *ret_exit, struct cupel_error *err)
{
    struct supervisor s = {.options = options,
                           .epoll = -EBADF,
                           .signals = -EBADF,
                           .tick = -EBADF,
                           .timeout = -EBADF,
                           .retries = -EBADF,
                           .p = {.signals = INTERRUPT_INIT}};
    int r = prepare_run(options, &s.p, err);

    if (r < 0)
        return r;
    s.started_ns = clock_monotonic_ns();
    s.results = xcalloc(s.p.run.n_instances, sizeof(*s.results));
    s.arenas = xcalloc(s.p.run.n_instances, sizeof(*s.arenas));
    s.kept = arena_new();
    s.prepares = s.p.run.n_slots > options->slots && s.p.run.streams == NULL;
    s.upcoming = xcalloc(options->slots, sizeof(*s.upcoming));
    s.room = xcalloc(s.p.run.n_slots, sizeof(*s.room));
    s.slots = xcalloc(s.p.run.n_slots, sizeof(*s.slots));
    for (size_t i = 0; i < s.p.run.n_slots; i++)
        s.slots[i] = (struct slot)SLOT_NONE;
    s.bases = snapshot_needs_new(s.p.run.instances, s.p.run.n_instances);
    spared_settle(&s);
    schedule_make(&s);
    s.submissions = submissions_new(&s.p.run, s.kept);
    r = open_events(&s, err);
    if (r == 0) {
        supervisor_loop(&s);
        for (size_t i = 0; i < s.p.run.n_slots; i++)
            slot_dismiss(&s.slots[i]); /* they take down what they have while reports are written */
        if (s.cancelled == 0)
            cached_results_keep(&s.p, s.results);
        kept_verdicts_end(&s.p);
        r = outcomes_report(&s, err);
    }
    if (r == 0)
        *ret_exit = outcomes_exit_code(&s);
    supervisor_end(&s);
    return r;
}
