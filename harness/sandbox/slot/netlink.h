/* SPDX-License-Identifier: Apache-2.0 */
/* netlink: private to sandbox; rtnetlink, through libmnl. */
#pragma once

struct mnl_socket;

/* A socket of the network namespace `net_ns`, and the index of `interface` there (NULL: not asked
 * for). */
int netlink_open(int net_ns, const char *interface, struct mnl_socket **ret, unsigned *ret_index);

/* Makes a new interface `name` that is a bridge, up. */
int netlink_add_bridge(struct mnl_socket *s, const char *name);

struct netlink_pair {
    const char *name;     /* of the near end, */
    unsigned master;      /* which is a port of this bridge */
    const char *far_name; /* of the end in the namespace far_ns */
    int far_ns;
    unsigned char far_address[6];
};
int netlink_add_pair(struct mnl_socket *s, const struct netlink_pair *pair);
int netlink_remove(struct mnl_socket *s, const char *name);

/* An address; what else is in its network is not reached by that, but by a route. */
int netlink_add_address(struct mnl_socket *s, unsigned index, int family, const void *address,
                        unsigned prefix);

/* What is on this interface's link, and what no longer is (-ESRCH: it was not). */
int netlink_add_route(struct mnl_socket *s, unsigned index, int family, const void *to,
                      unsigned prefix);
int netlink_remove_route(struct mnl_socket *s, unsigned index, int family, const void *to,
                         unsigned prefix);

/* "No route to host", unless a route leads there. */
int netlink_add_unreachable(struct mnl_socket *s, int family, const void *to, unsigned prefix);

/* What is bound to the interface is taken to be on its link, whatever the routes say
 * (ip_route_output_key_hash_rcu(), net/ipv4/route.c): now it stays in the job, unless a route leads
 * there, or it is for a group. */
int netlink_keep_bound(struct mnl_socket *s, unsigned index, const char *interface);

/* The interface, when it comes up, gets no IPv6 address by itself. */
int netlink_no_link_local(struct mnl_socket *s, unsigned index);
int netlink_set_up(struct mnl_socket *s, unsigned index);

/* Makes an address that the kernel keeps for itself (127.0.0.0/8) the job's own on this interface
 * as well. */
int netlink_keep_local(struct mnl_socket *s, unsigned index, int family, const void *address,
                       unsigned prefix);
