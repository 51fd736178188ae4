/* SPDX-License-Identifier: Apache-2.0 */
/* relay: see relay.h. Escape sequences of the session reach the caller's terminal as they are, as
 * with any terminal program. */
#include "harness/session/relay.h"

#include "harness/session/tty.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define DRAIN_MS                                                                                   \
    200 /* after the end nobody writes any more; what is on its way arrives in less                \
         */

/* One direction of one stream; either end is -EBADF once it is closed. */
struct flow {
    int from, to;
    bool broken; /* nobody reads at `to` any more */
    /* the session's ends, which are ours to close, or a new description of the caller's */
    bool own_from, own_to;
    size_t at, len;
    char data[16384];
};

enum { FLOW_IN, FLOW_OUT, FLOW_ERR, FLOW_COUNT };

struct relay {
    int socket, signals;
    bool terminal;
    int master; /* also the end of two flows */
    struct tty tty;
    struct flow flow[FLOW_COUNT];
    bool over;
    unsigned asked; /* how often we were asked to end */
    struct relay_end *end;
};

/* ---- flows ---- */

static void close_from(struct flow *f)
{
    if (f->own_from)
        base_closep(&f->from);
    f->from = -EBADF;
}

static void close_to(struct flow *f)
{
    if (f->own_to)
        base_closep(&f->to);
    f->to = -EBADF;
    f->len = 0;
}

/* No more will come, and what came is written: the other side learns it. */
static void relay_settle(struct flow *f)
{
    if (f->from < 0 && f->len == 0 && f->to >= 0)
        close_to(f);
    if (f->to < 0 && f->from >= 0)
        close_from(f);
}

static void relay_take(struct flow *f)
{
    ssize_t n = read(f->from, f->data, sizeof(f->data));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) /* end of file; EIO: nobody has the terminal open any more */
        close_from(f);
    f->at = 0;
    f->len = n > 0 ? (size_t)n : 0;
}

static void give(struct flow *f)
{
    ssize_t n = write(f->to, f->data + f->at, f->len);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        f->broken = true;
        close_to(f);
        return;
    }
    f->at += (size_t)n;
    f->len -= (size_t)n;
}

/* A description of our own, so that O_NONBLOCK does not become the caller's: only where opening
 * anew changes nothing else. */
static int own_description(int fd)
{
    char path[32];
    struct stat st;

    if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
        return -EBADF;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static struct flow flow_in(int to)
{
    return (struct flow){.from = STDIN_FILENO, .to = to, .own_to = true};
}

static struct flow flow_out(int from, int caller)
{
    int own = own_description(caller);

    return (struct flow){
        .from = from, .own_from = true, .to = own >= 0 ? own : caller, .own_to = own >= 0};
}

/* ---- the terminal ---- */

static void pass_size(struct relay *r)
{
    struct winsize size;

    if (r->terminal && r->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        (void)ioctl(r->master, TIOCSWINSZ, &size);
}

/* ---- what the other half says ---- */

static void on_streams(struct relay *r, int fds[static SOCKET_FDS_MAX])
{
    if (r->terminal) {
        r->master = fds[0];
        (void)fcntl(r->master, F_SETFL, O_RDWR | O_NONBLOCK);
        if (tty_raw(&r->tty) < 0)
            log_warning("cannot set the terminal's modes: %s", strerror(errno));
        pass_size(r); /* it may have changed meanwhile */
        r->flow[FLOW_IN] = flow_in(r->master);
        r->flow[FLOW_IN].own_to = false;
        r->flow[FLOW_OUT] = flow_out(r->master, STDOUT_FILENO);
        r->flow[FLOW_OUT].own_from = false;
    } else {
        r->flow[FLOW_IN] = flow_in(fds[0]);
        r->flow[FLOW_OUT] = flow_out(fds[1], STDOUT_FILENO);
        r->flow[FLOW_ERR] = flow_out(fds[2], STDERR_FILENO);
    }
    for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
        fds[i] = -EBADF;
}

static void on_message(struct relay *r)
{
    struct relay_message m;
    int fds[SOCKET_FDS_MAX];
    ssize_t n = socket_receive(r->socket, &m, sizeof(m), 0, fds);

    if (n != (ssize_t)sizeof(m)) {
        r->end->failed = true;
        (void)cupel_error_set(&r->end->err, CUPEL_ERROR_HARNESS, 0,
                              "the process that held the session has died");
        r->over = true;
    } else if (m.kind == RELAY_STREAMS) {
        on_streams(r, fds);
    } else {
        r->end->failed = m.kind == RELAY_FAILED;
        r->end->exit = m.value;
        r->end->err = m.err;
        r->over = true;
    }
    for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
        base_closep(&fds[i]);
}

/* ---- signals ---- */

static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};

int relay_signals(void)
{
    sigset_t set;
    int fd;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        (void)sigaddset(&set, taken[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static void ask_to_end(struct relay *r, int signal)
{
    const struct relay_message m = {.kind = r->asked == 0 ? RELAY_TERMINATE : RELAY_KILL};

    if (r->asked++ == 0)
        r->end->signal = signal;
    /* a half that is gone has ended already */
    (void)socket_send(r->socket, &m, sizeof(m), NULL, 0);
}

static void relay_on_signal(struct relay *r)
{
    struct signalfd_siginfo info;

    if (read(r->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    switch ((int)info.ssi_signo) {
    case SIGWINCH:
        pass_size(r);
        break;
    case SIGTSTP: /* from outside: from within, Ctrl-Z is the session's */
        tty_restore(&r->tty);
        (void)kill(getpid(), SIGSTOP);
        break;
    case SIGCONT:
        if (r->terminal && r->master >= 0)
            (void)tty_raw(&r->tty);
        pass_size(r);
        break;
    default:
        ask_to_end(r, (int)info.ssi_signo);
        break;
    }
}

/* ---- the loop ---- */

/* Whether output is still to come or to be written. */
static bool has_output(const struct relay *r)
{
    for (size_t i = FLOW_OUT; i < FLOW_COUNT; i++)
        if (r->flow[i].from >= 0 || r->flow[i].len > 0)
            return true;
    return false;
}

static void serve_flow(struct flow *f, const struct pollfd *from, const struct pollfd *to)
{
    if (from->revents != 0 && f->from >= 0 && f->len == 0)
        relay_take(f);
    else if (to->revents != 0 && f->to >= 0 && f->len > 0)
        give(f);
    relay_settle(f);
}

static void relay_loop(struct relay *r)
{
    while (!r->over || (has_output(r) && r->asked < 2)) {
        struct pollfd fds[2 + 2 * FLOW_COUNT] = {{.fd = r->over ? -1 : r->socket, .events = POLLIN},
                                                 {.fd = r->signals, .events = POLLIN}};
        bool writing = false;
        int n;

        for (size_t i = 0; i < FLOW_COUNT; i++) {
            const struct flow *f = &r->flow[i];

            fds[2 + 2 * i] = (struct pollfd){.fd = f->len == 0 ? f->from : -1, .events = POLLIN};
            fds[3 + 2 * i] = (struct pollfd){.fd = f->len > 0 ? f->to : -1, .events = POLLOUT};
            writing |= f->len > 0 && i != FLOW_IN;
        }
        n = poll(fds, ARRAY_SIZE(fds), r->over && !writing ? DRAIN_MS : -1);
        if (n == 0)
            return; /* whoever may still hold an end of it is no process of the job */
        if (n < 0)
            continue;
        if (fds[1].revents != 0)
            relay_on_signal(r);
        for (size_t i = 0; i < FLOW_COUNT; i++)
            serve_flow(&r->flow[i], &fds[2 + 2 * i], &fds[3 + 2 * i]);
        if (r->terminal && r->flow[FLOW_OUT].broken && r->asked == 0)
            ask_to_end(r, SIGHUP); /* nobody sees it any more */
        if (fds[0].revents != 0)
            on_message(r);
    }
}

void relay_run(int socket, bool terminal, int signals, struct relay_end *ret)
{
    struct relay *r = xcalloc(1, sizeof(*r));
    int failed = 0;

    *ret = (struct relay_end){.exit = -1};
    r->socket = socket;
    r->signals = signals;
    r->terminal = terminal;
    r->master = -EBADF;
    r->end = ret;
    r->tty = (struct tty){.guard = -1, .guard_pipe = -EBADF};
    for (size_t i = 0; i < FLOW_COUNT; i++)
        r->flow[i] = (struct flow){.from = -EBADF, .to = -EBADF};
    if (terminal)
        failed = tty_open(&r->tty, STDIN_FILENO);
    if (failed < 0) {
        ret->failed = true;
        (void)cupel_error_set(&ret->err, CUPEL_ERROR_HARNESS, failed,
                              "cannot prepare the terminal");
        (void)shutdown(socket, SHUT_RDWR);
    } else {
        relay_loop(r);
    }
    tty_close(&r->tty);
    for (size_t i = 0; i < FLOW_COUNT; i++) {
        close_from(&r->flow[i]);
        close_to(&r->flow[i]);
    }
    base_closep(&r->master);
    free(r);
}
