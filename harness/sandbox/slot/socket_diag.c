/* SPDX-License-Identifier: Apache-2.0 */
/* socket_diag: a socket through which the slot asks what the sockets of a job's network hold
 * (sock_diag(7)). It stays in the namespace that it was made in. What is asked, and what follows
 * from the answer, is the supervisor's (socket_errors.c). */
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/namespaces.h"
#include "harness/sandbox/slot/netns.h"
#include "harness/sandbox/slot/network.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>

static int open_there(const void *data, unsigned *ret_unused)
{
    const int *net_ns = data;
    int s;

    *ret_unused = 0;
    if (setns(*net_ns, CLONE_NEWNET) < 0)
        return -errno;
    s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    return s < 0 ? -errno : s;
}

/* Opens it in the job's network. Without the host's rights, PID 1 lets no process see its
 * namespaces any more: those are what was held before. */
int sandbox_socket_diag_open(const struct sandbox_job *job, int *ret_fd)
{
    cleanup_close int opened = -EBADF;
    int held = namespaces_network(job);
    unsigned unused;

    if (held < 0)
        held = opened = network_open_namespace(job->pid, "net");
    return held < 0 ? held : netns_fetch(open_there, &held, ret_fd, &unused);
}
