/* SPDX-License-Identifier: Apache-2.0 */
/* netlink: the few rtnetlink requests that networks take (rtnetlink(7)), each a message and its
 * acknowledgement, in a network namespace that the caller is not in. libmnl writes and reads the
 * messages. Runs in the slot, never between clone and exec. */
#include "harness/sandbox/slot/netlink.h"
#include "harness/sandbox/slot/netns.h"

#include "base/base.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

/* ---- sockets ---- */

struct netlink_place {
    int net_ns;
    const char *interface;
};

/* A socket stays in the namespace that it was made in. */
static int open_there(const void *data, unsigned *ret_index)
{
    const struct netlink_place *place = data;
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    int s;

    if (setns(place->net_ns, CLONE_NEWNET) < 0)
        return -errno;
    *ret_index = place->interface != NULL ? if_nametoindex(place->interface) : 0;
    if (place->interface != NULL && *ret_index == 0)
        return -errno;
    s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (s < 0 || bind(s, (struct sockaddr *)&any, sizeof(any)) < 0)
        return -errno;
    return s;
}

int netlink_open(int net_ns, const char *interface, struct mnl_socket **ret, unsigned *ret_index)
{
    const struct netlink_place place = {net_ns, interface};
    struct mnl_socket *s;
    unsigned index;
    int fd, r = netns_fetch(open_there, &place, &fd, &index);

    if (r < 0)
        return r;
    s = mnl_socket_fdopen(fd);
    if (s == NULL) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    if (ret_index != NULL)
        *ret_index = index;
    *ret = s;
    return 0;
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
    return mnl_cb_run(answer.bytes, (size_t)n, h->nlmsg_seq, mnl_socket_get_portid(s), NULL, NULL) <
                   0
               ? -errno
               : 0;
}

/* ---- links ---- */

static struct ifinfomsg *begin_link(union message *m, uint16_t flags, unsigned index)
{
    struct nlmsghdr *h = begin(m, RTM_NEWLINK, flags);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));

    link->ifi_index = (int)index;
    link->ifi_flags = link->ifi_change = IFF_UP;
    return link;
}

int netlink_set_up(struct mnl_socket *s, unsigned index)
{
    union message m;

    (void)begin_link(&m, 0, index);
    return transact(s, &m.header);
}

int netlink_add_bridge(struct mnl_socket *s, const char *name)
{
    union message m;
    struct nlattr *info;

    (void)begin_link(&m, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(&m.header, IFLA_IFNAME, name);
    info = mnl_attr_nest_start(&m.header, IFLA_LINKINFO);
    mnl_attr_put_strz(&m.header, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(&m.header, info);
    return transact(s, &m.header);
}

int netlink_add_pair(struct mnl_socket *s, const struct netlink_pair *pair)
{
    union message m;
    struct nlattr *info, *data, *peer;

    (void)begin_link(&m, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(&m.header, IFLA_IFNAME, pair->name);
    mnl_attr_put_u32(&m.header, IFLA_MASTER, pair->master);
    info = mnl_attr_nest_start(&m.header, IFLA_LINKINFO);
    mnl_attr_put_strz(&m.header, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start(&m.header, IFLA_INFO_DATA);
    peer = mnl_attr_nest_start(&m.header, VETH_INFO_PEER);
    (void)mnl_nlmsg_put_extra_header(&m.header, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(&m.header, IFLA_IFNAME, pair->far_name);
    mnl_attr_put(&m.header, IFLA_ADDRESS, sizeof(pair->far_address), pair->far_address);
    mnl_attr_put_u32(&m.header, IFLA_NET_NS_FD, (uint32_t)pair->far_ns);
    mnl_attr_nest_end(&m.header, peer);
    mnl_attr_nest_end(&m.header, data);
    mnl_attr_nest_end(&m.header, info);
    return transact(s, &m.header);
}

/* A pair goes as a whole. */
int netlink_remove(struct mnl_socket *s, const char *name)
{
    union message m;
    struct nlmsghdr *h = begin(&m, RTM_DELLINK, 0);

    (void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(h, IFLA_IFNAME, name);
    return transact(s, h);
}

/* ---- addresses and routes ---- */

static size_t address_size(int family)
{
    return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* IFA_F_NODAD: nobody else can have it, and it is wanted at once (RFC 4862, 5.4). */
int netlink_add_address(struct mnl_socket *s, unsigned index, int family, const void *address,
                        unsigned prefix)
{
    union message m;
    struct nlmsghdr *h = begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof(*a));

    a->ifa_family = (unsigned char)family;
    a->ifa_prefixlen = (unsigned char)prefix;
    a->ifa_scope = RT_SCOPE_UNIVERSE;
    a->ifa_index = index;
    mnl_attr_put(h, IFA_LOCAL, address_size(family), address);
    mnl_attr_put(h, IFA_ADDRESS, address_size(family), address);
    mnl_attr_put_u32(h, IFA_FLAGS,
                     IFA_F_NOPREFIXROUTE | (family == AF_INET6 ? (unsigned)IFA_F_NODAD : 0));
    return transact(s, h);
}

static struct rtmsg *begin_route(union message *m, uint16_t type, uint16_t flags,
                                 unsigned char table, int family, const void *to, unsigned prefix)
{
    struct nlmsghdr *h = begin(m, type, flags);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof(*route));

    route->rtm_family = (unsigned char)family;
    route->rtm_dst_len = (unsigned char)prefix;
    route->rtm_table = table;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    mnl_attr_put(h, RTA_DST, address_size(family), to);
    return route;
}

int netlink_add_route(struct mnl_socket *s, unsigned index, int family, const void *to,
                      unsigned prefix)
{
    union message m;
    struct rtmsg *route = begin_route(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, RT_TABLE_MAIN,
                                      family, to, prefix);

    route->rtm_type = RTN_UNICAST;
    if (family == AF_INET)
        route->rtm_scope = RT_SCOPE_LINK;
    mnl_attr_put_u32(&m.header, RTA_OIF, index);
    return transact(s, &m.header);
}

int netlink_remove_route(struct mnl_socket *s, unsigned index, int family, const void *to,
                         unsigned prefix)
{
    union message m;
    struct rtmsg *route = begin_route(&m, RTM_DELROUTE, 0, RT_TABLE_MAIN, family, to, prefix);

    route->rtm_protocol = RTPROT_UNSPEC;
    route->rtm_scope = RT_SCOPE_NOWHERE; /* whoever made it */
    mnl_attr_put_u32(&m.header, RTA_OIF, index);
    return transact(s, &m.header);
}

int netlink_add_unreachable(struct mnl_socket *s, int family, const void *to, unsigned prefix)
{
    union message m;

    /* IPv4's table behind main; IPv6 has none */
    begin_route(&m, RTM_NEWROUTE, NLM_F_CREATE,
                family == AF_INET ? RT_TABLE_DEFAULT : RT_TABLE_MAIN, family, to, prefix)
        ->rtm_type = RTN_UNREACHABLE;
    return transact(s, &m.header);
}

/* ---- what is bound to an interface ---- */

#define TABLE_OF_BOUND 100
#define PRIORITY_AFTER_MAIN                                                                        \
    32766 /* is main's own; of two that are the same, the older comes first */

static int add_rule(struct mnl_socket *s, const char *interface)
{
    union message m;
    struct nlmsghdr *h = begin(&m, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
    struct fib_rule_hdr *rule = mnl_nlmsg_put_extra_header(h, sizeof(*rule));

    rule->family = AF_INET;
    rule->table = TABLE_OF_BOUND;
    rule->action = FR_ACT_TO_TBL;
    mnl_attr_put_u32(h, FRA_PRIORITY, PRIORITY_AFTER_MAIN);
    mnl_attr_put_strz(h, FRA_OIFNAME, interface);
    return transact(s, h);
}

int netlink_keep_bound(struct mnl_socket *s, unsigned index, const char *interface)
{
    static const struct in_addr any = {0};
    const struct in_addr multicast = {htonl(INADDR_UNSPEC_GROUP)};
    union message m;
    int r = add_rule(s, interface);

    if (r == -EOPNOTSUPP || r == -EAFNOSUPPORT) /* a kernel without CONFIG_IP_MULTIPLE_TABLES */
        return 0;
    if (r == 0) {
        struct rtmsg *route =
            begin_route(&m, RTM_NEWROUTE, NLM_F_CREATE, TABLE_OF_BOUND, AF_INET, &any, 0);

        route->rtm_type = RTN_LOCAL;
        route->rtm_scope = RT_SCOPE_HOST;
        mnl_attr_put_u32(&m.header, RTA_OIF, index);
        r = transact(s, &m.header);
    }
    if (r == 0) {
        begin_route(&m, RTM_NEWROUTE, NLM_F_CREATE, TABLE_OF_BOUND, AF_INET, &multicast, 4)
            ->rtm_type = RTN_THROW;
        r = transact(s, &m.header);
    }
    return r;
}

int netlink_no_link_local(struct mnl_socket *s, unsigned index)
{
    union message m;
    struct ifinfomsg *link = begin_link(&m, 0, index);
    struct nlattr *families = mnl_attr_nest_start(&m.header, IFLA_AF_SPEC);
    struct nlattr *inet6 = mnl_attr_nest_start(&m.header, AF_INET6);

    link->ifi_flags = link->ifi_change = 0; /* not up yet: then it would have one already */
    mnl_attr_put_u8(&m.header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(&m.header, inet6);
    mnl_attr_nest_end(&m.header, families);
    return transact(s, &m.header);
}

int netlink_keep_local(struct mnl_socket *s, unsigned index, int family, const void *address,
                       unsigned prefix)
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
