/* netlink: the few rtnetlink requests that networks take (rtnetlink(7)), each a message and its acknowledgement, in a network
 * namespace that the caller is not in. libmnl writes and reads the messages. Runs in the slot, never between clone and
 * exec. */
#include "harness/sandbox/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

/* ---- sockets ---- */

static int open_here(const char *interface, struct mnl_socket **ret, unsigned *ret_index)
{
    struct mnl_socket *s;

    if (interface != NULL) {
        *ret_index = if_nametoindex(interface);
        if (*ret_index == 0)
            return -errno;
    }
    s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (s == NULL)
        return -errno;
    if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
        int r = -errno;

        (void)mnl_socket_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

/* A socket stays in the namespace that it was made in, so the process is back at once. */
int netlink_open(int net_ns, const char *interface, struct mnl_socket **ret, unsigned *ret_index)
{
    cleanup_close int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int r;

    if (own < 0 || setns(net_ns, CLONE_NEWNET) < 0)
        return -errno;
    r = open_here(interface, ret, ret_index);
    if (setns(own, CLONE_NEWNET) < 0) {
        log_warning("a slot cannot return to its network namespace: %s", strerror(errno));
        _exit(CUPEL_ERROR_HARNESS); /* it must not go on in a job's */
    }
    return r;
}

/* ---- messages ---- */

union message {
    char bytes[1024];
    struct nlmsghdr header;
};

static struct nlmsghdr *begin(union message *m, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(m->bytes);

    h->nlmsg_type = type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    h->nlmsg_seq = 1;
    return h;
}

/* Sends it and takes the kernel's answer, which is there when send returns. */
static int transact(struct mnl_socket *s, const struct nlmsghdr *h)
{
    union {
        char bytes[8192];
        struct nlmsghdr header;
    } answer;
    ssize_t n;

    if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
        return -errno;
    n = mnl_socket_recvfrom(s, answer.bytes, sizeof(answer.bytes));
    if (n < 0)
        return -errno;
    return mnl_cb_run(answer.bytes, (size_t)n, h->nlmsg_seq, mnl_socket_get_portid(s), NULL, NULL) < 0 ? -errno : 0;
}

static size_t address_size(int family)
{
    return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

int netlink_keep_local(struct mnl_socket *s, unsigned index, int family, const void *address, unsigned prefix)
{
    union message m;
    struct nlmsghdr *h = begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof(*route));

    route->rtm_family = (unsigned char)family;
    route->rtm_dst_len = (unsigned char)prefix;
    route->rtm_table = RT_TABLE_LOCAL;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_LOCAL;
    mnl_attr_put(h, RTA_DST, address_size(family), address);
    mnl_attr_put_u32(h, RTA_OIF, index);
    return transact(s, h);
}
