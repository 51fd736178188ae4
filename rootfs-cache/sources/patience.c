/* SPDX-License-Identifier: Apache-2.0 */
/* patience: see patience.h. */
#include "rootfs-cache/sources/patience.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define TELL_MS 100

int patience_begin(struct patience *p)
{
    return interrupt_hold(&p->signals);
}

void patience_end(struct patience *p)
{
    interrupt_release(&p->signals, p->interrupted);
}

static int patience_reap(pid_t pid, int *ret_status)
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
    struct pollfd fds[] = {{.fd = process, .events = POLLIN},
                           {.fd = p->signals.fd, .events = POLLIN}};
    int status, r;

    while (process >= 0 && !p->interrupted) {
        int n = poll(fds, ARRAY_SIZE(fds), tell != NULL ? TELL_MS : -1);

        if (n < 0 && errno != EINTR)
            break;
        if (n == 0)
            tell(data);
        if (n > 0 && interrupt_came(&p->signals))
            p->interrupted = true;
        else if (n > 0 && fds[0].revents != 0)
            break;
    }
    if (p->interrupted)
        (void)kill(pid, end);
    r = patience_reap(pid, &status);
    if (r == 0 && !p->interrupted)
        *ret_status = status;
    return p->interrupted ? -EINTR : r;
}
