/* supervisor: the event loop. Policy only: which job goes to which slot, what is run again, what a
 * failed need means, what Ctrl-C does, when the reports are written. It never waits for a job:
 * slots do. */
#include "harness/supervisor/supervisor.h"

#include "harness/attempt/results.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/verdict.h"
#include "harness/attempt/wire.h"
#include "harness/prepare/prepare.h"
#include "harness/run/enterable.h"
#include "harness/run/instances.h"
#include "harness/run/run.h"
#include "harness/run/views.h"
#include "harness/supervisor/admission.h"
#include "harness/supervisor/schedule.h"
#include "harness/supervisor/snapshot_needs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>

#define TICK_LIVE_NS (100 * NSEC_PER_MSEC)
#define TICK_PLAIN_NS NSEC_PER_SEC /* for remarks on slow jobs */
/* epoll data: slots have their number, the rest these */
#define EVENT_SIGNAL UINT64_C(0x100000000)
#define EVENT_TICK UINT64_C(0x100000001)
#define EVENT_KEY UINT64_C(0x100000002)

struct supervisor {
    const struct run_options *options;
    struct prepared p;
    struct schedule *schedule;
    struct slot *slots;
    /* by instance: its last attempt so far; NULL until one ended */
    struct reports_result **results;
    struct arena **arenas; /* what they and the attempts before them live in */
    struct arena *names;
    struct snapshot_needs *bases;
    int epoll, signals, tick;
    struct termios terminal;
    bool terminal_changed;
    unsigned cancelled; /* how often the user has said so */
    bool stopping;      /* no new job starts */
    uint64_t started_ns;
    int report_failed;
    struct cupel_error report_error;
};

/* ---- results ---- */

/* The first one is told at the end. */
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

static void skip_one(void *data, size_t job, size_t because_of);

/* It has ended for good. */
static void announce(struct supervisor *s, size_t instance)
{
    write_result(s, s->results[instance]);
    reports_console_finished(s->p.console, s->results[instance]);
    snapshot_needs_ended(s->bases, instance);
}

static unsigned retries_of(const struct supervisor *s, const struct jobs_job *job)
{
    if (job->network == JOBS_NETWORK_BRIDGE) /* its neighbours are gone */
        return 0;
    return s->options->retries >= 0 ? (unsigned)s->options->retries : job->retries;
}

/* An attempt, or that there was none: what was before it becomes its history. */
static void store(struct supervisor *s, size_t instance, struct reports_result *r,
                  struct arena *arena)
{
    r->attempts_max = retries_of(s, s->p.run.instances[instance].job) + 1;
    if (s->results[instance] != NULL) {
        results_follow(r, s->results[instance], arena);
        arena_join(arena, s->arenas[instance]);
    }
    s->results[instance] = r;
    s->arenas[instance] = arena;
}

/* Why a job has fewer attempts than it was promised. */
static void note_unretried(struct supervisor *s, struct reports_result *r, struct arena *arena)
{
    cleanup_free char *note =
        xasprintf("not run again after attempt %u of %u: %s", r->attempts, r->attempts_max,
                  s->cancelled > 0 ? "the run was cancelled" : "--fail-fast ended the run");

    results_add_note(r, arena, note);
}

/* One that did not count as an attempt (no slot could be started) is not made good by more of them.
 */
static bool is_retried(const struct jobs_job *job, const struct reports_result *r)
{
    return r->attempts > r->n_previous && r->attempts < r->attempts_max &&
           verdict_is_retried(job, r->verdict);
}

/* An attempt ended. It is run again only while the run goes on: a retry is a new start like any
 * other. */
static void finish(struct supervisor *s, size_t instance, struct reports_result *r,
                   struct arena *arena)
{
    const struct instance *in = &s->p.run.instances[instance];
    bool passed = r->verdict == REPORTS_PASSED;

    store(s, instance, r, arena);
    if (is_retried(in->job, r) && !s->stopping) {
        reports_console_retried(s->p.console, r);
        schedule_again(s->schedule, instance);
        return;
    }
    if (is_retried(in->job, r))
        note_unretried(s, r, arena);
    announce(s, instance);
    if (!passed && s->options->fail_fast)
        s->stopping = true;
    schedule_ended(s->schedule, instance, passed, skip_one, s);
}

/* The schedule already counts it as ended. */
static void record_unrun(struct supervisor *s, size_t instance, enum reports_verdict verdict,
                         const char *evidence)
{
    struct arena *arena;
    struct reports_result *r =
        results_unrun(&s->p.run, &s->p.run.instances[instance], verdict, evidence, &arena);

    store(s, instance, r, arena);
    announce(s, instance);
}

/* Otherwise it is on a bridge with it. */
static bool is_needed(const struct supervisor *s, size_t job, size_t need)
{
    const struct instance *in = &s->p.run.instances[job], *of = &s->p.run.instances[need];

    for (size_t i = 0; i < in->job->n_needs; i++)
        if (&in->plan->jobs[in->job->needs[i]] == of->job)
            return true;
    return false;
}

static void skip_one(void *data, size_t job, size_t because_of)
{
    struct supervisor *s = data;
    const struct reports_result *need = s->results[because_of];
    const char *name = s->p.run.instances[because_of].job->name;
    bool skipped = need == NULL || need->verdict == REPORTS_SKIPPED,
         needed = is_needed(s, job, because_of);
    cleanup_free char *evidence =
        !needed   ? xasprintf("starts together with '%s' of its bridge, which was skipped", name)
        : skipped ? xasprintf("needs '%s', which was skipped", name)
                  : xasprintf("needs '%s', which did not pass (%s)", name,
                              reports_verdict_name(need->verdict));

    record_unrun(s, job, REPORTS_SKIPPED, evidence);
}

static void abandon_one(void *data, size_t job)
{
    struct supervisor *s = data;

    /* it waited for its next attempt; what is known of it is the last one */
    if (s->results[job] != NULL) {
        note_unretried(s, s->results[job], s->arenas[job]);
        announce(s, job);
    } else if (s->cancelled > 0) {
        record_unrun(s, job, REPORTS_CANCELLED, "cancelled by the user before it started");
    } else {
        record_unrun(s, job, REPORTS_SKIPPED,
                     "an earlier job did not pass, and --fail-fast was given");
    }
}

/* An attempt that came to nothing through no fault of the job's. */
static void finish_unrun(struct supervisor *s, size_t instance, const char *evidence,
                         unsigned attempts)
{
    struct arena *arena;
    struct reports_result *r =
        results_unrun(&s->p.run, &s->p.run.instances[instance], REPORTS_ERROR, evidence, &arena);

    r->attempts = attempts;
    finish(s, instance, r, arena);
}

static void take_result(struct supervisor *s, struct wire_result *w)
{
    const struct instance *in = &s->p.run.instances[w->instance];
    struct reports_result *r = arena_alloc(w->arena, sizeof(*r));

    *r = w->result;
    r->attempts = 1;
    results_describe(&s->p.run, in, w->arena, r);
    results_name_logs(in, w->has_stdout, w->has_stderr, "logs", w->arena, r);
    if (!s->options->overcommit)
        admission_note(&s->p.run, in, w->arena, r);
    finish(s, w->instance, r, w->arena);
    results_shorten(r, w->arena); /* its line has been written; what stays is for junit.xml */
    arena_free(w->lists);
}

/* ---- slots ---- */

static int watch_slot(struct supervisor *s, size_t number)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = number};

    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->slots[number].socket, &e) < 0 ? -errno : 0;
}

static int open_slot(struct supervisor *s, size_t number, struct cupel_error *err)
{
    int r = slot_start(&s->p.run, s->slots, s->options->slots, number, err);

    s->slots[number].told = snapshot_needs_count_unneeded(s->bases); /* it has none of them */
    if (r == 0)
        r = watch_slot(s, number);
    return r;
}

/* For the logs and artifacts of the job's next attempt. */
static void make_room(struct supervisor *s, size_t instance)
{
    const struct instance *in = &s->p.run.instances[instance];
    struct cupel_error err;

    if (s->results[instance] != NULL &&
        results_keep_logs(&s->p.run, in, s->arenas[instance], s->results[instance], &err) < 0)
        report_failure(s, &err);
    results_forget_earlier(&s->p.run, in);
}

static size_t count_idle(const struct supervisor *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->options->slots; i++)
        n += !s->slots[i].busy;
    return n;
}

/* What no job will start from any more is let go of, by slots that have nothing else to do at the
 * moment. */
static void tell_unneeded(struct supervisor *s, struct slot *slot)
{
    size_t instance;

    while (slot->pid > 0 && !slot->busy &&
           snapshot_needs_unneeded(s->bases, slot->told, &instance)) {
        slot->told++;
        /* a slot that is gone is noticed */
        (void)slot_order(slot, ORDER_FORGET, (uint32_t)instance);
    }
}

/* Gives every idle slot a job, as long as there are any. */
static void dispatch(struct supervisor *s)
{
    size_t idle = count_idle(s);

    for (size_t i = 0; i < s->options->slots; i++)
        tell_unneeded(s, &s->slots[i]);
    for (size_t i = 0; i < s->options->slots && !s->stopping; i++) {
        struct slot *slot = &s->slots[i];
        struct cupel_error err = {.message = "it does not take orders"};
        size_t instance;

        if (slot->busy || !schedule_next(s->schedule, idle, &instance))
            continue;
        idle--;
        make_room(s, instance);
        if ((slot->pid <= 0 && open_slot(s, i, &err) < 0) ||
            slot_order(slot, ORDER_RUN, (uint32_t)instance) < 0) {
            cleanup_free char *evidence = xasprintf("no slot could be started: %s", err.message);

            finish_unrun(s, instance, evidence, 0);
            continue;
        }
        slot->busy = true;
        slot->instance = (uint32_t)instance;
        reports_console_started(s->p.console, s->p.run.instances[instance].id);
    }
    if (s->stopping)
        schedule_abandon(s->schedule, abandon_one, s);
}

/* How, where it was a signal, and what a signal of the kernel's is for. */
static char *describe_death(int status)
{
    struct rlimit cpu;
    bool limited = getrlimit(RLIMIT_CPU, &cpu) == 0 && cpu.rlim_max != RLIM_INFINITY;

    if (!WIFSIGNALED(status))
        return xstrdup("the slot that ran this job died");
    return xasprintf("the slot that ran this job died of signal %d (SIG%s)%s", WTERMSIG(status),
                     sigabbrev_np(WTERMSIG(status)) != NULL ? sigabbrev_np(WTERMSIG(status)) : "?",
                     limited ? "; whoever started cupel has limited its CPU time (ulimit -t)" : "");
}

/* A slot is never expected to die, or to answer what it was not asked; what it had in hand is an
 * error, and another takes its place. */
static void bury_slot(struct supervisor *s, size_t number)
{
    struct slot *slot = &s->slots[number];
    bool busy = slot->busy;
    size_t instance = slot->instance;
    cleanup_free char *evidence = NULL;

    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, slot->socket, NULL);
    evidence = describe_death(slot_stop(slot));
    atomic_store(&s->p.run.views[number].started_ns, 0);
    views_withdraw(&s->p.run.views[number]);
    if (busy)
        finish_unrun(s, instance, evidence, 1);
}

/* The answer is to the order that was given. */
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
        bury_slot(s, number);
        return;
    }
    s->slots[number].busy = false;
    take_result(s, &w);
}

/* ---- the user ---- */

static size_t running(struct supervisor *s, struct reports_running *list)
{
    uint64_t now = clock_monotonic_ns();
    size_t n = 0;

    for (size_t i = 0; i < s->options->slots; i++) {
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
            .attempts_max = retries_of(s, job) + 1,
            .wall_ns = since != 0 && now > since ? now - since : 0,
            .wall_limit_ns = jobs_limit_is_set(&job->limits, JOBS_LIMIT_WALL)
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

/* First: cancel and report. Second: at once. */
static void cancel(struct supervisor *s)
{
    s->cancelled++;
    s->stopping = true;
    reports_console_status(s->p.console,
                           s->cancelled == 1
                               ? "cancelling: waiting for the running jobs (again: kill them)"
                               : "killing the running jobs");
    for (size_t i = 0; i < s->options->slots; i++)
        if (s->slots[i].busy)
            (void)slot_order(&s->slots[i], s->cancelled == 1 ? ORDER_CANCEL : ORDER_KILL,
                             s->slots[i].instance);
}

static void on_signal(struct supervisor *s)
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

static int add(int epoll, int fd, uint64_t what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = what};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* While the display waits for a reader that does not read; all that ran has ended. */
static bool gives_up(void *data)
{
    struct supervisor *s = data;
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info) || info.ssi_signo == SIGUSR1)
        return false;
    s->cancelled++;
    return true;
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
    r = add(s->epoll, s->signals, EVENT_SIGNAL);
    if (r == 0)
        r = timerfd_settime(s->tick, 0, &every, NULL) < 0 ? -errno
                                                          : add(s->epoll, s->tick, EVENT_TICK);
    reports_console_stop_on(s->p.console, s->signals, gives_up, s);
    if (r == 0)
        watch_keys(s);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the event loop") : 0;
}

static void on_tick(struct supervisor *s)
{
    uint64_t times;

    if (read(s->tick, &times, sizeof(times)) == (ssize_t)sizeof(times))
        show(s, reports_console_tick);
}

static void loop(struct supervisor *s)
{
    struct epoll_event events[64];

    dispatch(s);
    while (!schedule_done(s->schedule)) {
        int n = epoll_wait(s->epoll, events, (int)ARRAY_SIZE(events), -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == EVENT_SIGNAL)
                on_signal(s);
            else if (events[i].data.u64 == EVENT_TICK)
                on_tick(s);
            else if (events[i].data.u64 == EVENT_KEY)
                on_key(s);
            else
                on_slot(s, (size_t)events[i].data.u64);
        }
        dispatch(s);
    }
}

/* ---- begin and end ---- */

/* The jobs of a bridge start together. */
static void add_groups(struct schedule *schedule, const struct jobs_plan *plan,
                       const size_t *instance_of)
{
    for (size_t i = 0; i < plan->n_bridges; i++) {
        const struct jobs_bridge *b = &plan->bridges[i];
        size_t group[JOBS_BRIDGE_MEMBERS_MAX], n = 0;

        for (size_t k = 0; k < b->n_members; k++)
            if (instance_of[b->members[k]] != INSTANCE_NONE)
                group[n++] = instance_of[b->members[k]];
        if (n > 0)
            schedule_add_group(schedule, group, n);
    }
}

static void make_schedule(struct supervisor *s)
{
    const struct run *run = &s->p.run;
    const struct jobs_plan *plan = NULL;
    cleanup_free size_t *instance_of = NULL;

    s->schedule = schedule_new(run->n_instances);
    for (size_t i = 0; i < run->n_instances; i++) {
        const struct instance *in = &run->instances[i];

        if (in->plan != plan) {
            plan = in->plan;
            instance_of = xrealloc(instance_of, plan->n_jobs * sizeof(*instance_of));
            instances_of_plan(run, i, instance_of);
            add_groups(s->schedule, plan, instance_of);
        }
        for (size_t k = 0; k < in->job->n_needs; k++)
            if (instance_of[in->job->needs[k]] != INSTANCE_NONE)
                schedule_add_need(s->schedule, i, instance_of[in->job->needs[k]]);
    }
    if (!s->options->overcommit)
        admission_set(run, s->schedule);
}

static int exit_code(const struct supervisor *s)
{
    int code = 0;

    if (s->cancelled > 0)
        return 130;
    for (size_t i = 0; i < s->p.run.n_instances; i++) {
        if (s->results[i]->verdict == REPORTS_ERROR)
            return CUPEL_ERROR_HARNESS;
        if (s->results[i]->verdict != REPORTS_PASSED)
            code = 1;
    }
    return code;
}

static int report(struct supervisor *s, struct cupel_error *err)
{
    char hostname[128] = "localhost";
    struct reports_run run = {
        .name = s->options->plans[0]->name,
        .results = s->results,
        .n_results = s->p.run.n_instances,
        .interrupted = s->cancelled > 0,
        .wall_ns = clock_monotonic_ns() - s->started_ns,
    };
    int r;

    (void)gethostname(hostname, sizeof(hostname) - 1);
    run.hostname = hostname;
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

static void end(struct supervisor *s)
{
    for (size_t i = 0; s->slots != NULL && i < s->options->slots; i++)
        if (s->slots[i].pid > 0)
            (void)slot_stop(&s->slots[i]);
    if (s->terminal_changed)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &s->terminal);
    base_closep(&s->epoll);
    base_closep(&s->tick);
    for (size_t i = 0; i < s->p.run.n_instances; i++)
        arena_free(s->arenas[i]);
    free(s->arenas);
    free(s->results);
    snapshot_needs_free(s->bases);
    schedule_free(s->schedule);
    free(s->slots);
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
                           .p = {.signals = INTERRUPT_INIT}};
    int r = prepare_run(options, &s.p, err);

    if (r < 0)
        return r;
    s.started_ns = clock_monotonic_ns();
    s.results = xcalloc(s.p.run.n_instances, sizeof(*s.results));
    s.arenas = xcalloc(s.p.run.n_instances, sizeof(*s.arenas));
    s.slots = xcalloc(options->slots, sizeof(*s.slots));
    for (size_t i = 0; i < options->slots; i++)
        s.slots[i] = (struct slot){.pid = -1, .socket = -EBADF, .pidfd = -EBADF};
    s.bases = snapshot_needs_new(s.p.run.instances, s.p.run.n_instances);
    make_schedule(&s);
    r = open_events(&s, err);
    if (r == 0) {
        loop(&s);
        r = report(&s, err);
    }
    if (r == 0)
        *ret_exit = exit_code(&s);
    end(&s);
    return r;
}
