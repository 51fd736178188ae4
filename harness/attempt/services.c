/* SPDX-License-Identifier: Apache-2.0 */
/* services: see services.h.
 *
 * Whose fault is it when one ends? Before the job's first command was executed, nothing of the job
 * has run: that is the verdict `error`; but where a service runs what nobody vouches for
 * (`untrusted`), that is what is judged, and has failed. After that, the job may have done it, by
 * the network that they share: so it is no reason for an `error`, which no job can choose, but
 * evidence of whatever the job's verdict is. Only where the harness or the machine failed the
 * service, that failed the job as well. A job that passed has done what it is for. */
#include "harness/attempt/services.h"

#include "harness/attempt/attempt_end.h"
#include "harness/attempt/attempt_state.h"
#include "harness/attempt/deadline.h"
#include "harness/attempt/service_process.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/wire.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct service {
    const struct instance *instance;
    pid_t pid;
    int socket; /* orders go out, its result comes in; -EBADF: that is here */
    int ready;  /* a byte comes when it is; -EBADF: nothing comes any more */
    bool is_ready;
};

struct services {
    bool begun, went, ending;
    size_t n;
    struct service list[];
};

struct services *services_new(const struct attempt *a)
{
    size_t n = jobs_services_count(a->job);
    struct services *s;

    if (n == 0)
        return NULL;
    s = xcalloc(1, sizeof(*s) + n * sizeof(s->list[0]));
    s->n = n;
    for (size_t i = 0; i < n; i++)
        s->list[i] =
            (struct service){.instance = &a->ctx->run->instances[a->instance->services + i],
                             .pid = -1,
                             .socket = -EBADF,
                             .ready = -EBADF};
    return s;
}

void services_free(struct services *s)
{
    free(s);
}

int services_wait_for(const struct attempt *a)
{
    return a->services != NULL && !a->services->begun && !a->killed ? a->sandbox.hold : -1;
}

/* Asks nothing that came from the job: it may have run before that is read. */
bool services_are_awaited(const struct attempt *a)
{
    return a->services != NULL && !a->services->went;
}

static bool is_untrusted(const struct service *s)
{
    const struct jobs_job *job = s->instance->job;

    for (size_t i = 0; i < job->n_inputs; i++)
        if (job->inputs[i].host.untrusted)
            return true;
    return false;
}

bool services_are_untrusted(const struct attempt *a)
{
    for (size_t i = 0; a->services != NULL && i < a->services->n; i++)
        if (is_untrusted(&a->services->list[i]))
            return true;
    return false;
}

/* ---- start ---- */

/* Closes what the child has of the slot's that would keep others from seeing the slot's end. */
static void let_go(struct attempt *a)
{
    struct services *s = a->services;

    (void)close(a->ctx->orders);
    sandbox_forget(&a->sandbox);
    for (size_t i = 0; i < s->n; i++) {
        base_closep(&s->list[i].socket);
        base_closep(&s->list[i].ready);
    }
}

static int start_one(struct attempt *a, size_t i, int network)
{
    struct service *s = &a->services->list[i];
    struct service_order order = {
        .instance = s->instance,
        .number = a->ctx->run->n_slots +
                  (unsigned)(a->ctx->view - a->ctx->run->views) * JOBS_SERVICES_MAX + (unsigned)i,
        .network = network,
        .slot = getpid()};
    int ends[2], tell[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    if (pipe2(tell, O_CLOEXEC) < 0) {
        int r = -errno;

        (void)close(ends[0]);
        (void)close(ends[1]);
        return r;
    }
    s->pid = _Fork();
    if (s->pid == 0) {
        (void)close(ends[0]);
        (void)close(tell[0]);
        let_go(a);
        order.orders = ends[1];
        order.tell = tell[1];
        service_process(a->ctx->run, &order);
    }
    (void)close(ends[1]);
    (void)close(tell[1]);
    s->socket = ends[0];
    s->ready = tell[0];
    return s->pid < 0 ? -errno : 0;
}

void services_begin(struct attempt *a, short events)
{
    cleanup_close int network = -EBADF;
    struct cupel_error err;
    int r;

    a->services->begun = true;
    if (events != POLLIN)
        return; /* it could not be set up, and its PID 1 says why */
    network = sandbox_open_network(&a->sandbox);
    r = network < 0 ? network : 0;
    a->ordered_ns = LIMITS_NEVER; /* the job is set up; how long these take is theirs to answer */
    for (size_t i = 0; r == 0 && i < a->services->n; i++)
        r = start_one(a, i, network);
    if (r == 0)
        return;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r, "cannot start the job's services");
    attempt_fail(a, &err);
}

/* ---- what comes from them ---- */

size_t services_poll(const struct attempt *a, struct pollfd *fds)
{
    const struct services *s = a->services;
    size_t n = 0;

    for (size_t i = 0; s != NULL && s->begun && i < s->n; i++) {
        fds[n++] = (struct pollfd){.fd = s->list[i].socket, .events = POLLIN};
        fds[n++] = (struct pollfd){.fd = s->list[i].ready, .events = POLLIN};
    }
    return n;
}

/* Says in the facts what became of one; the first tells. */
static void note_end(struct attempt *a, const struct service *s, const struct reports_result *r)
{
    struct service_facts *f = &a->facts->service;
    bool is_fault = r == NULL || r->verdict == REPORTS_ERROR;
    const char *what = a->services->went ? "ended while the job ran"
                       : s->is_ready     ? "ended before the job began"
                                         : "did not become ready";

    if (f->text[0] != '\0')
        return;
    if (is_fault && a->services->ending) { /* when the job was over already */
        log_warning("the service '%s' of job '%s' was not ended as it should: %s",
                    s->instance->service->name, a->job->name,
                    r == NULL ? "the process that ran it died" : r->evidence);
        return;
    }
    f->is_fault = is_fault;
    f->is_untrusted = !is_fault && is_untrusted(s);
    (void)snprintf(f->text, sizeof(f->text), "the service '%s' %s: %s", s->instance->service->name,
                   what,
                   r == NULL                ? "the process that ran it died"
                   : r->evidence[0] != '\0' ? r->evidence
                                            : "its command ended with the exit code 0");
}

static void end_job(struct attempt *a, const struct reports_result *r)
{
    struct cupel_error err;

    if (r != NULL && r->verdict == REPORTS_INVALID_SUBMISSION) {
        (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "%s", a->facts->service.text);
        attempt_fail(a, &err);
        return;
    }
    attempt_note_cause(a, CAUSE_SERVICE, false);
    attempt_kill(a);
}

/* Takes its result: it has ended, by itself or because it was told to. */
static void take_result(struct attempt *a, struct service *s)
{
    struct wire_result w;
    int r = wire_receive(s->socket, &w);
    bool told = r == 0 && a->services->ending && w.result.verdict == REPORTS_CANCELLED;

    base_closep(&s->socket);
    base_closep(&s->ready);
    s->socket = s->ready = -EBADF;
    if (!told && a->facts->cause != CAUSE_CANCELLED)
        note_end(a, s, r == 0 ? &w.result : NULL);
    if (!a->services->went && !a->services->ending)
        end_job(a, r == 0 ? &w.result : NULL);
    if (r == 0)
        wire_result_free(&w);
}

static void take_ready(struct service *s)
{
    char byte;

    s->is_ready = read(s->ready, &byte, 1) == 1;
    base_closep(&s->ready);
    s->ready = -EBADF;
}

static void go_when_ready(struct attempt *a)
{
    struct services *s = a->services;

    for (size_t i = 0; i < s->n; i++)
        if (!s->list[i].is_ready || s->list[i].socket < 0)
            return;
    if (s->went || a->killed || a->facts->cause != CAUSE_NONE)
        return;
    s->went = true;
    a->ordered_ns = clock_monotonic_ns();
    sandbox_go(&a->sandbox);
    observe_went(&a->observer);
}

void services_serve(struct attempt *a, const struct pollfd *fds)
{
    struct services *s = a->services;

    if (s == NULL || !s->begun)
        return;
    for (size_t i = 0; i < s->n; i++) {
        if (fds[2 * i + 1].revents != 0 && s->list[i].ready >= 0)
            take_ready(&s->list[i]);
        if (fds[2 * i].revents != 0 && s->list[i].socket >= 0)
            take_result(a, &s->list[i]);
    }
    go_when_ready(a);
}

/* ---- end ---- */

static void order_all(const struct services *s, enum slot_order order)
{
    struct slot_message m = {.order = order};

    /* a failure means that it has ended */
    for (size_t i = 0; i < s->n; i++)
        if (s->list[i].socket >= 0)
            (void)send(s->list[i].socket, &m, sizeof(m), MSG_NOSIGNAL);
}

static bool any_left(const struct services *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->list[i].socket >= 0)
            return true;
    return false;
}

/* Takes what is there already: it ended while the job ran. */
static void take_waiting(struct attempt *a)
{
    struct pollfd fds[SERVICES_POLLS];
    size_t n = services_poll(a, fds);

    if (poll(fds, (nfds_t)n, 0) > 0)
        services_serve(a, fds);
}

static void wait_for_all(struct attempt *a, uint64_t until)
{
    struct pollfd fds[1 + SERVICES_POLLS];
    bool forced = a->forced;

    while (any_left(a->services)) {
        uint64_t now = clock_monotonic_ns(), wait = until > now ? until - now : 0;
        struct timespec timeout = {(time_t)(wait / NSEC_PER_SEC), (long)(wait % NSEC_PER_SEC)};
        size_t n = services_poll(a, fds + 1);

        fds[0] = (struct pollfd){.fd = forced ? -1 : a->ctx->orders, .events = POLLIN};
        if (ppoll(fds, (nfds_t)(1 + n), &timeout, NULL) < 0)
            continue; /* EINTR */
        services_serve(a, fds + 1);
        if (fds[0].revents != 0 && attempt_is_stopped(a->ctx)) {
            forced = true;
            order_all(a->services, ORDER_KILL);
        }
        if (clock_monotonic_ns() < until)
            continue;
        for (size_t i = 0; i < a->services->n; i++) /* it is stuck, and everything of it ends so */
            if (a->services->list[i].socket >= 0)
                (void)kill(a->services->list[i].pid, SIGKILL);
        until = UINT64_MAX;
    }
}

void services_end(struct attempt *a)
{
    struct services *s = a->services;

    if (s == NULL || !s->begun)
        return;
    take_waiting(a);
    s->ending = true;
    order_all(s, a->forced ? ORDER_KILL : ORDER_CANCEL);
    wait_for_all(a, clock_monotonic_ns() + a->job->timeout_grace + DEADLINE_LINGER_NS);
    for (size_t i = 0; i < s->n; i++)
        while (s->list[i].pid > 0 && waitpid(s->list[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
}
