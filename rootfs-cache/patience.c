/* patience: see patience.h. */
#include "rootfs-cache/patience.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define TELL_MS 100

int patience_begin(struct patience *p)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, &p->before) < 0)
        return -errno;
    p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (p->signals >= 0)
        return 0;
    (void)sigprocmask(SIG_SETMASK, &p->before, NULL);
    return -errno;
}

void patience_end(struct patience *p)
{
    if (p->signals < 0)
        return;
    base_closep(&p->signals);
    p->signals = -EBADF;
    (void)sigprocmask(SIG_SETMASK, &p->before, NULL);
}

static int reap(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int patience_wait(struct patience *p, pid_t pid, int end, void (*tell)(void *data), void *data,
                  int *ret_status)
{
    cleanup_close int process = pidfd_open(pid, 0);
    struct pollfd fds[] = {{.fd = process, .events = POLLIN}, {.fd = p->signals, .events = POLLIN}};
    struct signalfd_siginfo info;
    bool interrupted = false;
    int status, r;

    while (process >= 0 && !interrupted) {
        int n = poll(fds, ARRAY_SIZE(fds), tell != NULL ? TELL_MS : -1);

        if (n < 0 && errno != EINTR)
            break;
        if (n == 0)
            tell(data);
        if (n > 0 && fds[0].revents != 0)
            break;
        if (n > 0 && fds[1].revents != 0 &&
            read(p->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
            interrupted = true;
    }
    if (interrupted)
        (void)kill(pid, end);
    r = reap(pid, &status);
    if (r == 0 && !interrupted)
        *ret_status = status;
    return interrupted ? -EINTR : r;
}
