/* supervisor: the event loop. Policy only: which job goes to which slot, what a failed need means, what Ctrl-C does,
 * when the reports are written. It never waits for a job: slots do. */
#include "harness/supervisor/supervisor.h"

#include "harness/supervisor/limits.h"
#include "harness/supervisor/prepare.h"
#include "harness/supervisor/schedule.h"
#include "harness/supervisor/slot.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <termios.h>

#define TICK_LIVE_NS (100 * NSEC_PER_MSEC)
#define TICK_PLAIN_NS NSEC_PER_SEC /* for remarks on slow jobs */
/* epoll data: slots have their number, the rest these */
#define EVENT_SIGNAL UINT64_C(0x100000000)
#define EVENT_TICK UINT64_C(0x100000001)
#define EVENT_KEY UINT64_C(0x100000002)

struct supervisor {
    const struct supervisor_options *options;
    struct prepared p;
    struct schedule *schedule;
    struct slot *slots;
    struct reports_result **results; /* by instance; NULL until it ended */
    struct arena **arenas;           /* what they live in */
    struct arena *names;
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

static struct reports_limit *limits_of(struct arena *arena, const struct jobs_limits *l, uint32_t unenforced,
                                       size_t *ret_n)
{
    static const uint64_t scales[] = {[JOBS_UNIT_CORES] = 1000,
                                      [JOBS_UNIT_DURATION] = NSEC_PER_SEC,
                                      [JOBS_UNIT_SIZE] = 1,
                                      [JOBS_UNIT_COUNT] = 1,
                                      [JOBS_UNIT_CPUS] = 1};
    struct reports_limit *list = arena_alloc(arena, JOBS_LIMIT_COUNT * sizeof(*list));
    size_t n = 0;

    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (jobs_limit_is_set(l, i) && !((unenforced >> i) & 1u))
            list[n++] =
                (struct reports_limit){jobs_limit_table[i].report_key, l->value[i], scales[jobs_limit_table[i].unit],
                                       jobs_limit_table[i].unit == JOBS_UNIT_CPUS ? l->cpus : NULL};
    *ret_n = n;
    return list;
}

/* The limits of this job that --best-effort let go, by name; NULL for none. */
static const char **unenforced_of(struct arena *arena, const struct jobs_job *job, uint32_t set)
{
    const char **list = NULL;
    size_t n = 0;

    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++) {
        if (!((set >> i) & 1u) || !limits_asked(job, i))
            continue;
        if (list == NULL)
            list = arena_alloc(arena, (JOBS_LIMIT_COUNT + 1) * sizeof(*list));
        list[n++] = jobs_limit_table[i].key;
    }
    return list;
}

/* What the supervisor knows of a job anyway: names, limits, logs. */
static void describe(struct supervisor *s, const struct instance *in, struct arena *arena, struct reports_result *r)
{
    r->id = r->job = in->job->name;
    r->file = in->plan->file;
    r->description = in->job->description;
    r->tags = in->job->tags;
    r->unenforced = unenforced_of(arena, in->job, s->p.run.unenforced_set);
    r->limits = limits_of(arena, &in->job->limits, s->p.run.unenforced_set, &r->n_limits);
    for (size_t i = 0; i < r->n_cases; i++)
        r->cases[i].name = in->job->has_steps ? in->job->steps[i].name : NULL;
}

static void write_result(struct supervisor *s, const struct reports_result *r)
{
    struct cupel_error err;

    if (reports_jsonl_append(s->p.run.out, r, &err) == 0 || s->report_failed)
        return;
    s->report_failed = true;
    s->report_error = err;
}

static void skip_one(void *data, size_t job, size_t because_of);

static void finish(struct supervisor *s, size_t instance, struct reports_result *r, struct arena *arena)
{
    bool passed = r->verdict == REPORTS_PASSED;

    s->results[instance] = r;
    s->arenas[instance] = arena;
    write_result(s, r);
    reports_console_finished(s->p.console, r);
    if (!passed && s->options->fail_fast)
        s->stopping = true;
    schedule_ended(s->schedule, instance, passed, skip_one, s);
}

/* A job that never ran. */
static struct reports_result *unrun(struct supervisor *s, size_t instance, enum reports_verdict verdict, char *evidence)
{
    const struct instance *in = &s->p.run.instances[instance];
    struct arena *arena = arena_new();
    struct reports_result *r = arena_alloc(arena, sizeof(*r));

    *r = (struct reports_result){.verdict = verdict, .exit = -1, .n_cases = in->job->n_steps};
    r->evidence = arena_strdup(arena, evidence);
    free(evidence);
    r->cases = arena_alloc(arena, r->n_cases * sizeof(*r->cases));
    for (size_t i = 0; i < r->n_cases; i++)
        r->cases[i] = (struct reports_case){.verdict = verdict, .evidence = r->evidence, .exit = -1};
    describe(s, in, arena, r);
    s->arenas[instance] = arena;
    return r;
}

/* The schedule already counts it as ended. */
static void record_unrun(struct supervisor *s, size_t instance, enum reports_verdict verdict, char *evidence)
{
    struct reports_result *r = unrun(s, instance, verdict, evidence);

    s->results[instance] = r;
    write_result(s, r);
    reports_console_finished(s->p.console, r);
}

static void skip_one(void *data, size_t job, size_t because_of)
{
    struct supervisor *s = data;
    const struct reports_result *need = s->results[because_of];
    const char *how = need == NULL || need->verdict == REPORTS_SKIPPED ? "was skipped" : NULL;

    record_unrun(s, job, REPORTS_SKIPPED,
                 how != NULL
                     ? xasprintf("needs '%s', which %s", s->p.run.instances[because_of].job->name, how)
                     : xasprintf("needs '%s', which did not pass (%s)", s->p.run.instances[because_of].job->name,
                                 reports_verdict_name(need->verdict)));
}

static void abandon_one(void *data, size_t job)
{
    struct supervisor *s = data;

    if (s->cancelled > 0)
        record_unrun(s, job, REPORTS_CANCELLED, xstrdup("cancelled by the user before it started"));
    else
        record_unrun(s, job, REPORTS_SKIPPED, xstrdup("an earlier job did not pass, and --fail-fast was given"));
}

static const char *log_path(struct arena *arena, const struct instance *in, const char *stream)
{
    char name[256];

    reports_file_name(in->log_name, name, sizeof(name));
    return arena_printf(arena, "logs/%s.%s", name, stream);
}

static void take_result(struct supervisor *s, struct wire_result *w)
{
    const struct instance *in = &s->p.run.instances[w->instance];
    struct reports_result *r = arena_alloc(w->arena, sizeof(*r));

    *r = w->result;
    r->attempts = 1;
    describe(s, in, w->arena, r);
    r->stdout_log = w->has_stdout ? log_path(w->arena, in, "stdout") : NULL;
    r->stderr_log = w->has_stderr ? log_path(w->arena, in, "stderr") : NULL;
    finish(s, w->instance, r, w->arena);
}

/* ---- slots ---- */

/* Logs and artifacts of an earlier run must not pass for this one's. */
static void forget_earlier(struct supervisor *s, const struct instance *in)
{
    static const char *const streams[] = {"stdout", "stderr"};
    char name[256];
    cleanup_free char *artifacts = NULL;

    reports_file_name(in->log_name, name, sizeof(name));
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        cleanup_free char *log = xasprintf("logs/%s.%s", name, streams[i]);

        (void)unlinkat(reports_out_dirfd(s->p.run.out), log, 0);
    }
    artifacts = xasprintf("artifacts/%s", name);
    (void)file_remove_tree_at(reports_out_dirfd(s->p.run.out), artifacts);
}

static int watch_slot(struct supervisor *s, size_t number)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = number};

    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->slots[number].socket, &e) < 0 ? -errno : 0;
}

static int open_slot(struct supervisor *s, size_t number, struct cupel_error *err)
{
    int r = slot_start(&s->p.run, s->slots, s->options->slots, number, err);

    if (r == 0)
        r = watch_slot(s, number);
    return r;
}

/* Gives every idle slot a job, as long as there are any. */
static void dispatch(struct supervisor *s)
{
    for (size_t i = 0; i < s->options->slots && !s->stopping; i++) {
        struct slot *slot = &s->slots[i];
        struct cupel_error err = {.message = "it does not take orders"};
        size_t instance;

        if (slot->busy || !schedule_next(s->schedule, &instance))
            continue;
        forget_earlier(s, &s->p.run.instances[instance]);
        if ((slot->pid <= 0 && open_slot(s, i, &err) < 0) || slot_order(slot, ORDER_RUN, (uint32_t)instance) < 0) {
            struct reports_result *r =
                unrun(s, instance, REPORTS_ERROR, xasprintf("no slot could be started: %s", err.message));

            finish(s, instance, r, s->arenas[instance]);
            continue;
        }
        slot->busy = true;
        slot->instance = (uint32_t)instance;
        reports_console_started(s->p.console, s->p.run.instances[instance].job->name);
    }
    if (s->stopping)
        schedule_abandon(s->schedule, abandon_one, s);
}

/* A slot is never expected to die; what it had in hand is an error, and another takes its place. */
static void bury_slot(struct supervisor *s, size_t number)
{
    struct slot *slot = &s->slots[number];
    bool busy = slot->busy;
    size_t instance = slot->instance;

    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, slot->socket, NULL);
    slot_stop(slot);
    atomic_store(&s->p.run.views[number].started_ns, 0);
    if (busy) {
        struct reports_result *r = unrun(s, instance, REPORTS_ERROR, xstrdup("the slot that ran this job died"));

        r->attempts = 1;
        finish(s, instance, r, s->arenas[instance]);
    }
}

static void on_slot(struct supervisor *s, size_t number)
{
    struct wire_result w;

    if (wire_receive(s->slots[number].socket, &w) < 0) {
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
        const struct jobs_job *job;
        uint64_t since;

        if (!s->slots[i].busy)
            continue;
        job = s->p.run.instances[s->slots[i].instance].job;
        since = atomic_load_explicit(&s->p.run.views[i].started_ns, memory_order_relaxed);
        list[n++] = (struct reports_running){
            .id = job->name,
            .wall_ns = since != 0 && now > since ? now - since : 0,
            .wall_limit_ns = jobs_limit_is_set(&job->limits, JOBS_LIMIT_WALL) ? job->limits.value[JOBS_LIMIT_WALL] : 0,
            .memory_bytes = atomic_load_explicit(&s->p.run.views[i].memory_bytes, memory_order_relaxed),
            .memory_limit =
                jobs_limit_is_set(&job->limits, JOBS_LIMIT_MEMORY) ? job->limits.value[JOBS_LIMIT_MEMORY] : 0,
        };
    }
    return n;
}

static void show(struct supervisor *s, void (*how)(struct reports_console *, const struct reports_running *, size_t))
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
    reports_console_status(s->p.console, s->cancelled == 1
                                             ? "cancelling: waiting for the running jobs (again: kill them)"
                                             : "killing the running jobs");
    for (size_t i = 0; i < s->options->slots; i++)
        if (s->slots[i].busy)
            (void)slot_order(&s->slots[i], s->cancelled == 1 ? ORDER_CANCEL : ORDER_KILL, s->slots[i].instance);
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

/* Keys come one by one while the display is live and we are in the foreground; Ctrl-C stays a signal. */
static void watch_keys(struct supervisor *s)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = EVENT_KEY};
    struct termios raw;

    if (!reports_console_is_live(s->p.console) || !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
        tcgetattr(STDIN_FILENO, &s->terminal) < 0)
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
        r = timerfd_settime(s->tick, 0, &every, NULL) < 0 ? -errno : add(s->epoll, s->tick, EVENT_TICK);
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

/* Where each job of instance `first`'s plan is among the instances, which stand plan by plan. */
static void index_plan(const struct run *run, size_t first, size_t *instance_of)
{
    const struct jobs_plan *plan = run->instances[first].plan;

    for (size_t i = 0; i < plan->n_jobs; i++)
        instance_of[i] = SIZE_MAX;
    for (size_t i = first; i < run->n_instances && run->instances[i].plan == plan; i++)
        instance_of[run->instances[i].job - plan->jobs] = i;
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
            index_plan(run, i, instance_of);
        }
        for (size_t k = 0; k < in->job->n_needs; k++)
            if (instance_of[in->job->needs[k]] != SIZE_MAX)
                schedule_add_need(s->schedule, i, instance_of[in->job->needs[k]]);
    }
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
            slot_stop(&s->slots[i]);
    if (s->terminal_changed)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &s->terminal);
    base_closep(&s->epoll);
    base_closep(&s->signals);
    base_closep(&s->tick);
    for (size_t i = 0; i < s->p.run.n_instances; i++)
        arena_free(s->arenas[i]);
    free(s->arenas);
    free(s->results);
    schedule_free(s->schedule);
    free(s->slots);
    prepared_end(&s->p);
}

int supervisor_run(const struct supervisor_options *options, int *ret_exit, struct cupel_error *err)
{
    struct supervisor s = {.options = options, .epoll = -EBADF, .signals = -EBADF, .tick = -EBADF};
    int r = prepare(options, &s.p, err);

    if (r < 0)
        return r;
    s.started_ns = clock_monotonic_ns();
    s.results = xcalloc(s.p.run.n_instances, sizeof(*s.results));
    s.arenas = xcalloc(s.p.run.n_instances, sizeof(*s.arenas));
    s.slots = xcalloc(options->slots, sizeof(*s.slots));
    for (size_t i = 0; i < options->slots; i++)
        s.slots[i] = (struct slot){.pid = -1, .socket = -EBADF, .pidfd = -EBADF};
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
