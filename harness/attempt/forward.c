/* SPDX-License-Identifier: Apache-2.0 */
/* forward: see forward.h. The job never has a descriptor of the caller's: with one it could write
 * over what the caller's file holds, lock it, or leave a terminal without echo. Not responsible for
 * counting or bounding output (capture.c). */
#include "harness/attempt/forward.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* ---- descriptors ---- */

static bool is_null(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* Opens what the caller's descriptor stands for once more, so that O_NONBLOCK does not become the
 * caller's. */
static int reopen(int fd)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static struct forward_flow flow_to_caller(int caller)
{
    struct forward_flow f = {.from = -EBADF, .to = caller};
    struct stat st;
    int own;

    if (fstat(caller, &st) < 0) {
        f.to = -EBADF;
    } else if (S_ISSOCK(st.st_mode)) {
        f.socket = true;
    } else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
        own = reopen(caller);
        f.waits = own < 0; /* somebody else's pipe */
        f.own_to = own >= 0;
        f.to = own >= 0 ? own : caller;
    }
    return f;
}

static void flow_close_to(struct forward_flow *f)
{
    if (f->own_to)
        base_closep(&f->to);
    f->to = -EBADF;
    f->len = 0;
}

/* ---- moving bytes ---- */

static ssize_t flow_write(const struct forward_flow *f)
{
    size_t n = f->len;

    if (f->socket)
        return send(f->to, f->data + f->at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* a pipe that poll(2) calls writable takes so many without waiting */
    if (f->waits && n > PIPE_BUF)
        n = PIPE_BUF;
    return write(f->to, f->data + f->at, n);
}

static void flow_give(struct forward_flow *f)
{
    ssize_t n = flow_write(f);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        f->failed = errno == EPIPE || errno == ECONNRESET || errno == EIO ? 0 : errno;
        flow_close_to(f);
        return;
    }
    f->at += (size_t)n;
    f->len -= (size_t)n;
}

static void flow_take(struct forward_flow *f)
{
    ssize_t n;

    if (f->data == NULL)
        f->data = xmalloc(FORWARD_CHUNK);
    n = read(f->from, f->data, FORWARD_CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        f->from = -EBADF;
    f->at = 0;
    f->len = n > 0 ? (size_t)n : 0;
}

/* ---- input ---- */

bool forward_has_input(const struct run_streams *caller)
{
    return !is_null(STDIN_FILENO) || caller->terminal;
}

bool forward_has_one_output(const struct run_streams *caller)
{
    struct stat out, err;

    return !caller->terminal && !is_null(STDOUT_FILENO) && fstat(STDOUT_FILENO, &out) == 0 &&
           fstat(STDERR_FILENO, &err) == 0 && out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

/* The end of the caller's input is the end of the command's, and a command that reads no more
 * leaves the rest to the caller. */
static void settle_input(struct forward *f)
{
    if (f->in.to >= 0 && f->in.from < 0 && f->in.len == 0 && f->terminal < 0)
        flow_close_to(&f->in);
    if (f->in.to < 0)
        f->in.from = -EBADF;
}

static void serve_input(struct forward *f, const struct pollfd *from, const struct pollfd *to)
{
    if (from->revents != 0 && f->in.from >= 0 && f->in.len == 0)
        flow_take(&f->in);
    if ((to->revents != 0 || from->revents != 0) && f->in.to >= 0 && f->in.len > 0)
        flow_give(&f->in);
    settle_input(f);
}

void forward_input_to(struct forward *f, int *to, bool terminal)
{
    f->in = (struct forward_flow){.from = STDIN_FILENO, .to = *to, .own_to = !terminal};
    if (terminal)
        f->terminal = *to;
    else
        *to = -EBADF; /* ours to close, when the caller's input ends */
}

/* ---- output ---- */

bool forward_is_free(const struct forward *f, int which)
{
    return f->out[which].len == 0;
}

bool forward_is_gone(const struct forward *f, int which)
{
    return f->out[which].to < 0;
}

void forward_put(struct forward *f, int which, const char *data, size_t n)
{
    struct forward_flow *out = &f->out[which];

    if (out->to < 0)
        return;
    if (out->data == NULL || n > FORWARD_CHUNK) /* what was held back, and this */
        out->data = xrealloc(out->data, n > FORWARD_CHUNK ? n : FORWARD_CHUNK);
    memcpy(out->data, data, n);
    out->at = 0;
    out->len = n;
    if (!out->waits && n > 0)
        flow_give(out);
}

bool forward_is_pending(const struct forward *f)
{
    return f->out[0].len > 0 || f->out[1].len > 0;
}

int forward_check(const struct forward *f, struct cupel_error *err)
{
    static const char *const names[] = {"output", "error"};

    for (int i = 0; i < 2; i++)
        if (f->out[i].failed != 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, f->out[i].failed,
                                   "what the command wrote was lost on the way to standard %s",
                                   names[i]);
    return 0;
}

void forward_drop(struct forward *f)
{
    f->out[0].len = f->out[1].len = 0;
}

/* ---- the terminal ---- */

static void pass_size(const struct forward *f)
{
    struct winsize size;

    if (f->terminal >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        (void)ioctl(f->terminal, TIOCSWINSZ, &size);
}

static int watch_size(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGWINCH);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void serve_size(const struct forward *f)
{
    struct signalfd_siginfo info;

    if (read(f->winch, &info, sizeof(info)) == (ssize_t)sizeof(info))
        pass_size(f);
}

/* ---- all of it ---- */

void forward_begin(struct forward *f, const struct run_streams *caller)
{
    *f = (struct forward){.caller = caller,
                          .in = {.from = -EBADF, .to = -EBADF},
                          .out = {flow_to_caller(STDOUT_FILENO), flow_to_caller(STDERR_FILENO)},
                          .winch = caller->terminal ? watch_size() : -EBADF,
                          .terminal = -EBADF};
}

void forward_end(struct forward *f)
{
    flow_close_to(&f->in);
    for (int i = 0; i < 2; i++) {
        flow_close_to(&f->out[i]);
        free(steal_ptr(f->out[i].data));
    }
    free(steal_ptr(f->in.data));
    base_closep(&f->winch);
}

void forward_poll(const struct forward *f, struct pollfd fds[static FORWARD_POLLS])
{
    const int watched[] = {[FORWARD_FROM] = f->in.len == 0 ? f->in.from : -1,
                           [FORWARD_TO] = f->in.len > 0 ? f->in.to : -1,
                           [FORWARD_OUT] = f->out[0].len > 0 ? f->out[0].to : -1,
                           [FORWARD_ERR] = f->out[1].len > 0 ? f->out[1].to : -1,
                           [FORWARD_WINCH] = f->winch};

    for (int i = 0; i < FORWARD_POLLS; i++)
        fds[i] = (struct pollfd){
            .fd = watched[i], .events = i == FORWARD_FROM || i == FORWARD_WINCH ? POLLIN : POLLOUT};
}

void forward_serve(struct forward *f, const struct pollfd fds[static FORWARD_POLLS])
{
    serve_input(f, &fds[FORWARD_FROM], &fds[FORWARD_TO]);
    for (int i = 0; i < 2; i++)
        if (fds[FORWARD_OUT + i].revents != 0 && f->out[i].len > 0)
            flow_give(&f->out[i]);
    if (fds[FORWARD_WINCH].revents != 0)
        serve_size(f);
}
