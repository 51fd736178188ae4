/* SPDX-License-Identifier: Apache-2.0 */
/* socket: a packet and the descriptors that go with it. Without malloc and stdio: PID 1 of a job
 * uses it too. */
#include "base/base.h"

#include <string.h>
#include <sys/socket.h>

union fd_space {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(SOCKET_FDS_MAX * sizeof(int))];
};

int socket_send(int fd, const void *data, size_t len, const int *fds, size_t n_fds)
{
    union fd_space space = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    if (n_fds > SOCKET_FDS_MAX)
        return -E2BIG;
    if (n_fds > 0) {
        struct cmsghdr *c;

        message.msg_control = &space;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
    }
    do
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

ssize_t socket_receive(int fd, void *data, size_t len, int flags,
                       int ret_fds[static SOCKET_FDS_MAX])
{
    union fd_space space = {.bytes = {0}};
    struct iovec part = {.iov_base = data, .iov_len = len};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof(space)};
    size_t taken = 0;
    ssize_t n;

    for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
        ret_fds[i] = -EBADF;
    do
        n = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        size_t count = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
                           ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int)
                           : 0;

        for (size_t i = 0; i < count && taken < SOCKET_FDS_MAX; i++)
            memcpy(&ret_fds[taken++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    return n;
}
