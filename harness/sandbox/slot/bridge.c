/* SPDX-License-Identifier: Apache-2.0 */
/* bridge: `network: {bridge: NAME}`. The bridge lies in a network namespace of the run's that holds
 * nothing else: no address, no process, no way on. Each job has a pair of interfaces: one end in
 * the job, the other a port of the bridge. Addresses go by the job's place on its bridge, so that
 * all of them are known before any job starts. The kernel removes a pair with the job's namespace,
 * and the bridge with the run's last descriptor. */
#include "harness/sandbox/slot/bridge.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/netlink.h"
#include "harness/sandbox/slot/netns.h"
#include "harness/sandbox/slot/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <sched.h>
#include <string.h>

#define BRIDGE_INTERFACE "br0"
#define PREFIX4 24
#define PREFIX6 64
#define OUTSIDE4 16 /* what is not there, and answers so at once */

/* Member 0 is 10.213.0.1 and fd63:7570:656c:1::1. */
static void member_address(size_t member, struct in_addr *ret4, struct in6_addr *ret6)
{
    uint32_t host = (uint32_t)member + 1;
    static const uint8_t network[] = {0xfd, 0x63, 0x75, 0x70, 0x65, 0x6c, 0x00, 0x01};

    ret4->s_addr = htonl(UINT32_C(10) << 24 | UINT32_C(213) << 16 | host);
    memset(ret6, 0, sizeof(*ret6));
    memcpy(ret6->s6_addr, network, sizeof(network));
    ret6->s6_addr[14] = (uint8_t)(host >> 8);
    ret6->s6_addr[15] = (uint8_t)host;
}

/* ---- the bridge ---- */

/* Makes the bridge, and tries a pair of interfaces: a kernel that has no such thing is to be found
 * out before any job runs. */
static int make_bridge(int ns)
{
    struct netlink_pair pair = {
        .name = "trial", .far_name = "trial-far", .far_ns = ns, .far_address = {0x02}};
    struct mnl_socket *s;
    int r = netlink_open(ns, NULL, &s, NULL);

    if (r < 0)
        return r;
    r = netlink_add_bridge(s, BRIDGE_INTERFACE);
    if (r == 0)
        r = netlink_add_pair(s, &pair);
    if (r == 0)
        r = netlink_remove(s, pair.name);
    (void)mnl_socket_close(s);
    return r;
}

/* No addresses of its own for IPv6 (where /proc/sys may not be written it has some, at which nobody
 * listens). */
static int make_namespace(const void *data, unsigned *ret_number)
{
    int ns;

    (void)data;
    *ret_number = 0;
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    (void)file_put_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    (void)file_put_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return ns < 0 ? -errno : ns;
}

int sandbox_bridge_open(int *ret_ns, struct cupel_error *err)
{
    cleanup_close int ns = -EBADF;
    unsigned unused;
    int r = netns_fetch(make_namespace, NULL, &ns, &unused);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot make a network namespace for a bridge");
    r = make_bridge(ns);
    if (r < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make a bridge");
        if (r == -EOPNOTSUPP)
            cupel_error_hint(
                err, "modprobe bridge veth; or boot a kernel with CONFIG_BRIDGE and CONFIG_VETH");
        return r;
    }
    *ret_ns = steal_fd(&ns);
    return 0;
}

/* ---- a job's cable ---- */

static int add_pair(int bridge_ns, int net_ns, size_t member)
{
    char name[32];
    struct netlink_pair pair = {
        .name = name,
        .far_name = NETWORK_INTERFACE,
        .far_ns = net_ns,
        .far_address = {0x02, 0x63, 0x75, 0x70, (uint8_t)(member >> 8), (uint8_t)member}};
    struct mnl_socket *s;
    int r = netlink_open(bridge_ns, BRIDGE_INTERFACE, &s, &pair.master);

    if (r < 0)
        return r;
    (void)snprintf(name, sizeof(name), "port%zu", member);
    r = netlink_add_pair(s, &pair);
    (void)mnl_socket_close(s);
    return r;
}

/* Only the other jobs have routes. Each address that a job sends to and that is on its link becomes
 * an entry of a table that the whole machine shares (gc_thresh3, arp(7)): one job with a network of
 * 65,536 addresses, or with IPv6's, has all of it. */
static int add_family(struct mnl_socket *s, unsigned index, int family, size_t member,
                      size_t n_members)
{
    struct in6_addr v6;
    struct in_addr v4;
    const void *address = family == AF_INET ? (const void *)&v4 : (const void *)&v6;
    unsigned whole = family == AF_INET ? 32 : 128;
    int r;

    member_address(member, &v4, &v6);
    r = netlink_add_address(s, index, family, address, family == AF_INET ? PREFIX4 : PREFIX6);
    for (size_t i = 0; r == 0 && i < n_members; i++) {
        member_address(i, &v4, &v6);
        if (i != member)
            r = netlink_add_route(s, index, family, address, whole);
    }
    v4.s_addr &= htonl(UINT32_C(0xffffffff) << (32 - OUTSIDE4));
    memset(v6.s6_addr + PREFIX6 / 8, 0, sizeof(v6.s6_addr) - PREFIX6 / 8);
    return r < 0 ? r
                 : netlink_add_unreachable(s, family, address,
                                           family == AF_INET ? OUTSIDE4 : PREFIX6);
}

/* A kernel without IPv6, or where it is off. */
static bool is_without_ipv6(int r)
{
    return r == -EAFNOSUPPORT || r == -EOPNOTSUPP || r == -EACCES;
}

static int set_addresses(int net_ns, size_t member, size_t n_members)
{
    struct mnl_socket *s;
    unsigned index;
    int r = netlink_open(net_ns, NETWORK_INTERFACE, &s, &index);

    if (r < 0)
        return r;
    r = netlink_no_link_local(s, index);
    if (r == 0 || is_without_ipv6(r))
        r = netlink_set_up(s, index);
    if (r == 0)
        r = add_family(s, index, AF_INET, member, n_members);
    if (r == 0)
        r = netlink_keep_bound(s, index, NETWORK_INTERFACE);
    if (r == 0) {
        r = add_family(s, index, AF_INET6, member, n_members);
        if (is_without_ipv6(r))
            r = 0;
    }
    (void)mnl_socket_close(s);
    return r;
}

int bridge_attach(int bridge_ns, int net_ns, const struct jobs_job *job, size_t n_members,
                  struct cupel_error *err)
{
    int r = add_pair(bridge_ns, net_ns, job->bridge_member);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot connect the job to its bridge");
    r = set_addresses(net_ns, job->bridge_member, n_members);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot set the job's addresses")
                 : 0;
}

/* ---- names ---- */

char *bridge_hosts(const struct jobs_plan *plan, const struct jobs_bridge *bridge)
{
    struct strbuf out = {0};

    strbuf_adds(&out, HOSTS_LOCAL);
    for (size_t i = 0; i < bridge->n_members; i++) {
        const struct jobs_job *job = &plan->jobs[bridge->members[i]];
        bool same = str_eq(job->hostname, job->name);
        char text[INET6_ADDRSTRLEN];
        struct in6_addr v6;
        struct in_addr v4;

        member_address(i, &v4, &v6);
        for (int family = 0; family < 2; family++)
            strbuf_addf(&out, "%s\t%s%s%s\n",
                        family == 0 ? inet_ntop(AF_INET, &v4, text, sizeof(text))
                                    : inet_ntop(AF_INET6, &v6, text, sizeof(text)),
                        job->name, same ? "" : " ", same ? "" : job->hostname);
    }
    return out.data;
}
