/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt: see interrupt.h. */
#include "base/interrupt.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/signalfd.h>

#define LOCK_LOOK_MS 50 /* the kernel tells nobody that a lock is free but who sleeps on it */

static void interrupt_fill(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
}

int interrupt_hold(struct interrupt *i)
{
    sigset_t set;

    interrupt_fill(&set);
    if (sigprocmask(SIG_BLOCK, &set, &i->before) < 0)
        return -errno;
    i->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (i->fd >= 0)
        return 0;
    (void)sigprocmask(SIG_SETMASK, &i->before, NULL);
    return -errno;
}

bool interrupt_came(const struct interrupt *i)
{
    struct signalfd_siginfo info;

    return i->fd >= 0 && read(i->fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

bool interrupt_is_pending(void)
{
    sigset_t set;

    return sigpending(&set) == 0 &&
           (sigismember(&set, SIGINT) == 1 || sigismember(&set, SIGTERM) == 1 ||
            sigismember(&set, SIGHUP) == 1);
}

void interrupt_release(struct interrupt *i, bool told)
{
    if (i->fd < 0)
        return;
    while (told && interrupt_came(i))
        ;
    base_closep(&i->fd);
    i->fd = -EBADF;
    (void)sigprocmask(SIG_SETMASK, &i->before, NULL);
}

static bool are_held(void)
{
    sigset_t mask;

    return sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGINT) == 1;
}

int interrupt_lock(int fd, int operation)
{
    bool held = are_held();

    while (flock(fd, held ? operation | LOCK_NB : operation) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK || (operation & LOCK_NB) != 0)
            return -errno;
        if (interrupt_is_pending())
            return -EINTR;
        (void)poll(NULL, 0, LOCK_LOOK_MS);
    }
    return 0;
}
