/* SPDX-License-Identifier: Apache-2.0 */
/* server: the process of `cupel serve`: prepares what jobs run over, starts the slots, and waits
 * for clients, slots and signals in one loop that never waits for one of them alone. Not
 * responsible for what is asked (serve_http.c) and which job is next (serve_jobs.c). */
#include "harness/serve/server.h"

#include "harness/serve/serve_files.h"
#include "harness/serve/serve_http.h"
#include "harness/serve/serve_jobs.h"
#include "harness/serve/serve_kinds.h"
#include "harness/serve/serve_listen.h"
#include "harness/serve/serve_peers.h"
#include "harness/serve/serve_roots.h"
#include "harness/serve/serve_slot.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#define EVENTS_A_TURN 64
#define AFTER_NS (5 * NSEC_PER_SEC) /* beside the grace: for an `after`, once cancelled */
#define FLUSH_NS (5 * NSEC_PER_SEC) /* for clients to read the last results, once no job runs */

/* ---- refusals ---- */

void serve_refusal_free(struct serve_refusal *r)
{
    free(r->message);
    free(r->hint);
    free(r->problems);
    *r = (struct serve_refusal){0};
}

int serve_refuse(struct serve_refusal *r, unsigned status, const char *format, ...)
{
    struct strbuf text = {0};
    va_list ap;

    va_start(ap, format);
    strbuf_vaddf(&text, format, ap);
    va_end(ap);
    *r = (struct serve_refusal){.status = status, .message = text.data};
    return -1;
}

int serve_refuse_error(struct serve_refusal *r, unsigned status, const struct cupel_error *err)
{
    (void)serve_refuse(r, status, "%s", err->message);
    if (err->hint[0] != '\0')
        r->hint = xstrdup(err->hint);
    return -1;
}

/* ---- events ---- */

static int watch(struct server *s, int fd, uint64_t event)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = event};

    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_events(struct server *s, struct cupel_error *err)
{
    struct itimerspec every = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
    const union MHD_DaemonInfo *info = s->mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    sigset_t set;
    int r;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->signals < 0 || s->tick < 0 || timerfd_settime(s->tick, 0, &every, NULL) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make the event loop");
    r = watch(s, s->signals, SERVE_EVENT(SERVE_EVENT_SIGNAL, 0));
    if (r == 0)
        r = watch(s, s->tick, SERVE_EVENT(SERVE_EVENT_TICK, 0));
    if (r == 0)
        r = watch(s, info->epoll_fd, SERVE_EVENT(SERVE_EVENT_HTTP, 0));
    if (r == 0)
        r = watch(s, s->listener, SERVE_EVENT(SERVE_EVENT_LISTENER, 0));
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the event loop") : 0;
}

/* ---- ending ---- */

static void cancel_all(struct server *s, enum slot_order how)
{
    for (struct serve_batch *b = s->batches, *next; b != NULL; b = next) {
        next = b->next;
        if (!b->ended)
            serve_jobs_cancel(s, b, how, "cancelled: the server was told to end");
    }
}

/* Told to end: takes no more jobs, and what waits is cancelled; those that run have their grace.
 * Told again: kills them. */
static void begin_ending(struct server *s)
{
    s->phase_ns = clock_monotonic_ns();
    if (s->phase == SERVE_OPEN) {
        s->phase = SERVE_ENDING;
        for (struct serve_batch *b = s->batches, *next; b != NULL; b = next) {
            next = b->next;
            serve_jobs_cancel_waiting(s, b, "cancelled: the server was told to end");
        }
    } else {
        s->phase = SERVE_KILLING;
        cancel_all(s, ORDER_KILL);
    }
}

static bool has_readers(const struct server *s)
{
    for (const struct serve_batch *b = s->batches; b != NULL; b = b->next)
        if (b->connection != NULL)
            return true;
    return false;
}

/* Says whether all is over; cancels what takes longer than it may, and then kills it. */
static bool is_over(struct server *s)
{
    uint64_t since = clock_monotonic_ns() - s->phase_ns;

    if (s->phase == SERVE_OPEN)
        return false;
    if (serve_jobs_running(s) == 0)
        return !has_readers(s) || since > s->options->grace_ns + FLUSH_NS;
    if (s->phase == SERVE_ENDING && since > s->options->grace_ns) {
        s->phase = SERVE_KILLING;
        cancel_all(s, ORDER_CANCEL);
    } else if (s->phase == SERVE_KILLING && since > 2 * s->options->grace_ns + AFTER_NS) {
        cancel_all(s, ORDER_KILL);
    }
    return false;
}

/* ---- the loop ---- */

static void on_signal(struct server *s)
{
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        begin_ending(s);
}

/* Puts new slots in the place of dead ones, where no job has come for them yet. */
static void replace_dead(struct server *s)
{
    struct cupel_error ignored; /* the next tick tries again, and a job tells */

    for (size_t i = 0; s->phase == SERVE_OPEN && i < s->n_slots; i++)
        if (s->slots[i].batch == NULL && s->slots[i].slot.pid <= 0)
            (void)serve_jobs_open_slot(s, i, &ignored);
}

static void on_tick(struct server *s)
{
    uint64_t times;

    if (read(s->tick, &times, sizeof(times)) != (ssize_t)sizeof(times))
        return;
    serve_peers_expire(s);
    serve_jobs_trim(s);
    replace_dead(s);
    s->kinds_changed = true;
}

static void on_event(struct server *s, uint64_t event)
{
    uint32_t number = (uint32_t)event;

    switch (event >> 32) {
    case SERVE_EVENT_SLOT:
        serve_jobs_on_slot(s, number);
        break;
    case SERVE_EVENT_PEER:
        serve_peers_hangup(s, (int)number);
        break;
    case SERVE_EVENT_LISTENER:
        serve_peers_accept(s);
        break;
    case SERVE_EVENT_SIGNAL:
        on_signal(s);
        break;
    case SERVE_EVENT_TICK:
        on_tick(s);
        break;
    default: /* the library's, which has its turn each time */
        break;
    }
}

/* How long there is nothing to do for the library, in milliseconds. */
static int timeout_of(const struct server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;

    if (s->mhd.get_timeout(s->daemon, &ms) != MHD_YES)
        return -1;
    return ms > 1000 ? 1000 : (int)ms;
}

static void loop(struct server *s)
{
    struct epoll_event events[EVENTS_A_TURN];

    while (!is_over(s)) {
        int n = epoll_wait(s->epoll, events, EVENTS_A_TURN, timeout_of(s));

        for (int i = 0; i < n; i++)
            on_event(s, events[i].data.u64);
        serve_jobs_dispatch(s); /* slots first: what is asked about them is as it will be */
        (void)s->mhd.run(s->daemon);
        serve_jobs_dispatch(s);
    }
}

/* ---- begin and end ---- */

/* Finds how many slots there are, and sandboxes may be ready. Where there is no room for more slots
 * than run, those are in slots that run nothing at the moment, and the first to go. */
static int count_slots(struct server *s, struct cupel_error *err)
{
    const struct serve_options *o = s->options;

    s->n_slots = s->p.run.n_slots;
    s->ready_all = o->ready_all;
    if (s->n_slots >= o->slots + o->ready_all)
        return 0;
    if (o->ready_given) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "cannot keep %u sandboxes ready: so many files may not be open",
                              o->ready_all);
        cupel_error_hint(
            err, "lower --ready or --ready-all, or raise the limit of open files (ulimit -n)");
        return -EMFILE;
    }
    log_warning("no more than %u sandboxes are kept ready: so many files may not be open",
                o->slots);
    s->ready_all = o->slots;
    return 0;
}

static int prepare(struct server *s, struct cupel_error *err)
{
    bool *selected;
    int r = serve_roots_plan(s, err);

    if (r < 0)
        return r;
    selected = xcalloc(s->plan->n_jobs, sizeof(*selected));
    memset(selected, true, s->plan->n_jobs * sizeof(*selected));
    s->run_options = (struct run_options){.plans = &s->plan,
                                          .selected = &selected,
                                          .n_plans = 1,
                                          .slots = s->options->slots,
                                          .keeps_out = true,
                                          .takes_more = true,
                                          .more_slots = s->options->ready_all,
                                          .retries = -1,
                                          .overcommit = s->options->overcommit,
                                          .allow_host_network = s->options->allow_host_network,
                                          .allow_devices = s->options->allow_devices};
    r = prepare_run(&s->run_options, &s->p, err);
    if (r == 0)
        goods_find_stock(&s->p.run, &s->stock);
    free(selected);
    s->run_options.selected = NULL;
    return r == 0 ? count_slots(s, err) : r;
}

static int open_files(struct server *s, struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("%s/runs/%s", cache_path(s->p.cache), s->p.run.id);

    return serve_files_open(&s->files, s->p.run.dirfd, path, s->options->files_max, err);
}

static int open_slots(struct server *s, struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < s->n_slots; i++)
        r = serve_jobs_open_slot(s, i, err);
    return r;
}

static void stop_slots(struct server *s)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->slots[i].slot.pid > 0)
            (void)slot_stop(&s->slots[i].slot);
        if (s->slots[i].cell != NULL)
            (void)munmap(s->slots[i].cell, sizeof(*s->slots[i].cell));
    }
    free(s->slots);
}

static int serve(struct server *s, struct cupel_error *err)
{
    int r = open_files(s, err);

    if (r == 0) /* first: they need not have the library, nor copy it for every job */
        r = open_slots(s, err);
    if (r == 0)
        serve_kinds_open(s);
    if (r == 0)
        serve_kinds_fill(s);
    if (r == 0)
        r = serve_http_open(s, err);
    if (r == 0)
        r = serve_listen_open(s, err);
    if (r == 0)
        r = open_events(s, err);
    if (r == 0)
        loop(s);
    return r;
}

static void end(struct server *s)
{
    serve_listen_close(s);
    serve_http_close(s);
    stop_slots(s);
    serve_kinds_close(s);
    while (s->batches != NULL)
        serve_jobs_forget(s, s->batches);
    for (size_t i = 0; i < s->peers_size; i++)
        free(s->peers[i]);
    free(s->peers);
    serve_files_close(&s->files);
    base_closep(&s->epoll);
    base_closep(&s->tick);
    prepared_end(&s->p);
    base_closep(&s->signals);
    interrupt_release(&s->p.signals, true); /* whoever ended it knows */
}

int server_run(const struct serve_options *options, struct cupel_error *err)
{
    struct server s = {.options = options,
                       .listener = -EBADF,
                       .epoll = -EBADF,
                       .signals = -EBADF,
                       .tick = -EBADF,
                       .files.dirfd = -EBADF,
                       .p = {.signals = INTERRUPT_INIT}};
    int r = prepare(&s, err);

    if (r == 0) {
        s.slots = xcalloc(s.n_slots, sizeof(*s.slots));
        for (size_t i = 0; i < s.n_slots; i++)
            s.slots[i].slot = (struct slot){.pid = -1, .socket = -EBADF, .pidfd = -EBADF};
        s.epoll = epoll_create1(EPOLL_CLOEXEC);
        r = s.epoll < 0
                ? cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make the event loop")
                : serve(&s, err);
        end(&s);
    }
    jobs_plan_free(s.plan);
    json_decref(s.roots);
    free(s.root_served);
    return r;
}
