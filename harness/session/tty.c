/* SPDX-License-Identifier: Apache-2.0 */
/* tty: see tty.h. The guard is a process of its own because SIGKILL gives us no last word. It
 * restores only what is still as we set it: a shell that has taken its terminal back already knows
 * better. */
#include "harness/session/tty.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static bool same_modes(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag;
}

_Noreturn static void guard_main(const struct tty *t, int pipe_end)
{
    struct termios now;
    sigset_t all;
    char byte;
    ssize_t n;

    (void)sigfillset(&all);
    /* SIGTTOU too: a background process may then set modes */
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)setpgid(0, 0); /* what is meant for us is not meant for it */
    if (dup2(t->fd, 0) < 0 || dup2(pipe_end, 1) < 0)
        _exit(1);
    (void)syscall(SYS_close_range, 2, ~0u, 0);
    do
        n = read(1, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 0 && tcgetattr(0, &now) == 0 && same_modes(&now, &t->raw))
        (void)tcsetattr(0, TCSANOW, &t->saved);
    _exit(0);
}

int tty_open(struct tty *t, int fd)
{
    int ends[2];

    *t = (struct tty){.fd = fd, .guard = -1, .guard_pipe = -EBADF};
    if (tcgetattr(fd, &t->saved) < 0)
        return -errno;
    t->raw = t->saved;
    cfmakeraw(&t->raw);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    t->guard = _Fork();
    if (t->guard == 0) {
        (void)close(ends[1]);
        guard_main(t, ends[0]);
    }
    (void)close(ends[0]);
    t->guard_pipe = ends[1];
    return t->guard < 0 ? -errno : 0;
}

int tty_raw(struct tty *t)
{
    if (tcsetattr(t->fd, TCSANOW, &t->raw) < 0)
        return -errno;
    t->is_raw = true;
    return 0;
}

void tty_restore(struct tty *t)
{
    if (t->is_raw)
        (void)tcsetattr(t->fd, TCSANOW, &t->saved); /* fails only on a terminal that is gone */
    t->is_raw = false;
}

void tty_close(struct tty *t)
{
    const char done = 'd';

    tty_restore(t);
    if (t->guard_pipe >= 0 && write(t->guard_pipe, &done, 1) != 1)
        log_warning("the guard of the terminal has gone");
    base_closep(&t->guard_pipe);
    if (t->guard > 0)
        while (waitpid(t->guard, NULL, 0) < 0 && errno == EINTR)
            ;
    t->guard = -1;
}
