/* SPDX-License-Identifier: Apache-2.0 */
/* ready: see ready.h. A try is one connection, which is given up when the next one is due. Not
 * responsible for the service itself (service_process.c), nor for the job that waits for it
 * (services.c). */
#include "harness/attempt/ready.h"

#include <ctype.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A server that takes long to answer has at least so much time for it. */
#define TRY_NS (5 * NSEC_PER_SEC)
#define FIRST_WAIT_NS (2 * NSEC_PER_MSEC)

struct ready *ready_new(const struct jobs_service *service, int tell)
{
    struct ready *r = xcalloc(1, sizeof(*r));

    r->service = service;
    r->tell = tell;
    r->try_at = r->until = UINT64_MAX;
    r->wait = FIRST_WAIT_NS;
    r->socket = r->asker_fd = -EBADF;
    r->asker = -1;
    if (service->ready == JOBS_READY_LOG)
        (void)regcomp(&r->pattern, service->pattern, REG_EXTENDED | REG_NOSUB);
    return r;
}

/* Ends it, if there is one. */
static void end_asker(struct ready *r)
{
    if (r->asker > 0) {
        (void)kill(r->asker, SIGKILL);
        while (waitpid(r->asker, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    base_closep(&r->asker_fd);
    r->asker_fd = -EBADF;
    r->asker = -1;
}

void ready_free(struct ready *r)
{
    if (r == NULL)
        return;
    end_asker(r);
    if (r->service->ready == JOBS_READY_LOG)
        regfree(&r->pattern);
    base_closep(&r->socket);
    base_closep(&r->tell);
    free(r);
}

/* Returns how long to wait after a try that failed: little at first, since most servers take little
 * to start, and then the interval that was asked for. */
static uint64_t next_wait(struct ready *r)
{
    uint64_t wait = r->wait < r->service->interval ? r->wait : r->service->interval;

    r->wait = wait * 2;
    return wait;
}

static void give_up_try(struct ready *r)
{
    base_closep(&r->socket);
    r->socket = -EBADF;
    r->is_connected = false;
    r->answered = 0;
}

static void succeed(struct ready *r)
{
    const char byte = 1;

    give_up_try(r);
    r->is_ready = true;
    r->try_at = r->until = UINT64_MAX;
    (void)!write(r->tell, &byte, 1); /* a failure means that nobody waits any more */
    base_closep(&r->tell);
    r->tell = -EBADF;
}

void ready_started(struct ready *r, uint64_t at_ns)
{
    if (r->is_ready || r->until != UINT64_MAX)
        return;
    r->until = at_ns + r->service->within;
    if (r->service->ready == JOBS_READY_STARTED)
        succeed(r);
    else if (r->service->ready != JOBS_READY_LOG)
        r->try_at = at_ns;
    else
        (void)snprintf(r->why, sizeof(r->why), "no line of its output matched");
}

/* ---- what it writes ---- */

static void end_line(struct ready *r, struct ready_line *line)
{
    line->text[line->n] = '\0';
    line->n = 0;
    if (regexec(&r->pattern, line->text, 0, NULL, 0) == 0)
        succeed(r);
}

void ready_take(struct ready *r, int which, const char *data, size_t n)
{
    struct ready_line *line = &r->line[which];

    if (r->service->ready != JOBS_READY_LOG)
        return;
    for (size_t i = 0; !r->is_ready && i < n; i++) {
        if (data[i] == '\n')
            end_line(r, line);
        else if (line->n < READY_LINE_MAX) /* a NUL would end it for regexec(3) */
            line->text[line->n++] = data[i] != '\0' ? data[i] : ' ';
    }
}

void ready_remember(struct ready *r, const char *data, size_t n)
{
    size_t keep;

    if (n >= READY_TAIL_MAX) {
        memcpy(r->tail, data + n - READY_TAIL_MAX, READY_TAIL_MAX);
        r->tail_n = READY_TAIL_MAX;
        return;
    }
    keep = r->tail_n + n > READY_TAIL_MAX ? READY_TAIL_MAX - n : r->tail_n;
    memmove(r->tail, r->tail + r->tail_n - keep, keep);
    memcpy(r->tail + keep, data, n);
    r->tail_n = keep + n;
}

void ready_tail(const struct ready *r, struct strbuf *out)
{
    char text[READY_TAIL_MAX + 1];
    size_t from = 0, end = r->tail_n, n = 0;

    if (r->tail_n == READY_TAIL_MAX) /* what was cut begins with a whole line, or a whole word */
        while (from < end && r->tail[from] != '\n' && from < READY_TAIL_MAX / 2)
            from++;
    while (from < end && isspace((unsigned char)r->tail[from]))
        from++;
    while (end > from && isspace((unsigned char)r->tail[end - 1]))
        end--;
    for (size_t i = from; i < end; i++)
        text[n++] = r->tail[i] == '\n' || r->tail[i] == '\0' ? '|' : r->tail[i];
    text[n] = '\0';
    text_add_line(out, text);
}

/* ---- tries ---- */

static int connect_to(uint16_t port, bool v6)
{
    const struct sockaddr_in v4_at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct sockaddr_in6 v6_at = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    cleanup_close int s =
        socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (s < 0)
        return -errno;
    if (connect(s, v6 ? (const struct sockaddr *)&v6_at : (const struct sockaddr *)&v4_at,
                v6 ? sizeof(v6_at) : sizeof(v4_at)) < 0 &&
        errno != EINPROGRESS)
        return -errno;
    return steal_fd(&s);
}

static void fail_try(struct ready *r, uint64_t now, const char *why)
{
    (void)snprintf(r->why, sizeof(r->why), "port %u: %s", r->service->port, why);
    give_up_try(r);
    r->try_at = now + next_wait(r);
}

static void not_connected(struct ready *r, uint64_t now, int why);

static void begin_try(struct ready *r, uint64_t now, bool v6)
{
    uint64_t wait = r->service->interval > TRY_NS ? r->service->interval : TRY_NS;
    int fd;

    give_up_try(r);
    fd = connect_to(r->service->port, v6);
    r->is_v6 = v6;
    if (fd < 0) {
        not_connected(r, now, -fd);
        return;
    }
    r->socket = fd;
    r->try_at = now + wait;
}

/* Goes on to the other family, since a server may listen on one only. Over loopback it is known at
 * once that nobody listens, but not always by connect(2) itself. */
static void not_connected(struct ready *r, uint64_t now, int why)
{
    if (r->is_v6)
        fail_try(r, now, strerror(why));
    else
        begin_try(r, now, true);
}

static void ask(struct ready *r, uint64_t now)
{
    char request[JOBS_READY_PATH_MAX + 128];
    int n = snprintf(request, sizeof(request),
                     "GET %s HTTP/1.0\r\nHost: %s:%u\r\nUser-Agent: cupel\r\n\r\n",
                     r->service->path, r->service->name, r->service->port);

    if (send(r->socket, request, (size_t)n, MSG_NOSIGNAL) != (ssize_t)n)
        fail_try(r, now, "it took no request");
    else
        r->is_connected = true;
}

/* "HTTP/1.1 200 OK": 0 where that is no status. */
static int status_of(const char *answer)
{
    const char *space = strchr(answer, ' ');

    if (!str_starts(answer, "HTTP/") || space == NULL || !isdigit((unsigned char)space[1]) ||
        !isdigit((unsigned char)space[2]) || !isdigit((unsigned char)space[3]))
        return 0;
    return (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
}

static void take_answer(struct ready *r, uint64_t now)
{
    ssize_t n = recv(r->socket, r->answer + r->answered, READY_ANSWER_MAX - r->answered, 0);
    char why[64];
    int status;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        r->answered += (size_t)n;
    r->answer[r->answered] = '\0';
    status = status_of(r->answer);
    if (status >= 200 && status < 400) {
        succeed(r);
    } else if (status != 0) {
        (void)snprintf(why, sizeof(why), "it answered with the status %d", status);
        fail_try(r, now, why);
    } else if (n <= 0 || r->answered == READY_ANSWER_MAX) {
        fail_try(r, now, n < 0 ? strerror(errno) : "what it answered is no HTTP");
    }
}

static void go_on(struct ready *r, uint64_t now)
{
    int why = 0;
    socklen_t size = sizeof(why);

    if (r->is_connected) {
        take_answer(r, now);
        return;
    }
    if (getsockopt(r->socket, SOL_SOCKET, SO_ERROR, &why, &size) < 0 || why != 0)
        not_connected(r, now, why != 0 ? why : errno);
    else if (r->service->ready == JOBS_READY_TCP)
        succeed(r);
    else
        ask(r, now);
}

/* ---- the command of `exec` ---- */

bool ready_wants_exec(const struct ready *r, uint64_t now)
{
    return r->service->ready == JOBS_READY_EXEC && !r->is_ready && r->asker < 0 && now >= r->try_at;
}

/* One that does not end is waited for as long as the service has. What one before it found says
 * more than that. */
void ready_asks(struct ready *r, pid_t pid, int pidfd, uint64_t now)
{
    r->asker = pid;
    r->asker_fd = pidfd;
    r->try_at = pid > 0 ? UINT64_MAX : now + next_wait(r);
    if (pid < 0 || r->why[0] == '\0')
        (void)snprintf(r->why, sizeof(r->why), "%s",
                       pid > 0 ? "its command has not ended" : "its command could not be started");
}

static void take_exit(struct ready *r, uint64_t now)
{
    int status = 0;

    while (waitpid(r->asker, &status, 0) < 0 && errno == EINTR)
        ;
    r->asker = -1;
    end_asker(r);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        succeed(r);
        return;
    }
    r->try_at = now + next_wait(r);
    if (WIFEXITED(status) && WEXITSTATUS(status) != READY_NOT_RUN)
        (void)snprintf(r->why, sizeof(r->why), "its command ended with the exit code %d",
                       WEXITSTATUS(status));
    else
        (void)snprintf(r->why, sizeof(r->why), "its command could not be run");
}

/* ---- for the loop ---- */

uint64_t ready_wake(const struct ready *r)
{
    return r->try_at < r->until ? r->try_at : r->until;
}

void ready_poll(const struct ready *r, struct pollfd *fd)
{
    *fd = (struct pollfd){.fd = r->socket, .events = r->is_connected ? POLLIN : POLLOUT};
    if (r->asker > 0)
        *fd = (struct pollfd){.fd = r->asker_fd, .events = POLLIN};
}

void ready_serve(struct ready *r, const struct pollfd *fd, uint64_t now)
{
    if (r->is_ready)
        return;
    if (fd->revents != 0 && r->asker > 0)
        take_exit(r, now);
    else if (fd->revents != 0 && r->socket >= 0)
        go_on(r, now);
    if (!r->is_ready && r->service->ready != JOBS_READY_EXEC && now >= r->try_at) {
        if (r->socket >= 0)
            (void)snprintf(r->why, sizeof(r->why), "port %u: it did not answer", r->service->port);
        begin_try(r, now, false);
    }
}

bool ready_is_late(const struct ready *r, uint64_t now, const char **why)
{
    *why = r->why;
    return !r->is_ready && now >= r->until;
}
