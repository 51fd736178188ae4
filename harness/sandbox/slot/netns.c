/* SPDX-License-Identifier: Apache-2.0 */
/* netns: what has to be done inside another network namespace. A child goes there and hands back a
 * descriptor; the caller stays where it is, since without the host's rights there is no way back:
 * the host's own namespace belongs to the host's root (setns(2)). The child is a copy without the
 * libraries (dontfork.c), so only libc is called in it. */
#include "harness/sandbox/slot/netns.h"

#include "base/base.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct answer {
    int error; /* negative errno, or 0 and a descriptor comes along */
    unsigned number;
};

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

static void send_answer(int socket, struct answer a, int fd)
{
    union control control = {.bytes = {0}};
    struct iovec data = {&a, sizeof(a)};
    struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1};

    if (a.error == 0) {
        struct cmsghdr *c;

        m.msg_control = &control;
        m.msg_controllen = sizeof(control);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    (void)sendmsg(socket, &m, MSG_NOSIGNAL); /* a failure is an end of file for the other end */
}

static int receive_answer(int socket, int *ret_fd, unsigned *ret_number)
{
    union control control;
    struct answer a;
    struct iovec data = {&a, sizeof(a)};
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c;
    ssize_t n;

    do
        n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(a))
        return -EPIPE;
    if (a.error < 0)
        return a.error;
    c = CMSG_FIRSTHDR(&m);
    if (c == NULL || c->cmsg_type != SCM_RIGHTS)
        return -EPIPE;
    memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
    *ret_number = a.number;
    return 0;
}

int netns_fetch(netns_fn *fetch, const void *data, int *ret_fd, unsigned *ret_number)
{
    pid_t parent = getpid(), pid;
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    pid = _Fork();
    if (pid == 0) {
        struct answer a = {0};
        int fd = -EBADF;

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
            _exit(1);
        fd = fetch(data, &a.number);
        a.error = fd < 0 ? fd : 0;
        send_answer(ends[1], a, fd);
        _exit(0);
    }
    (void)close(ends[1]);
    r = pid < 0 ? -errno : receive_answer(ends[0], ret_fd, ret_number);
    (void)close(ends[0]);
    if (pid > 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    return r;
}
