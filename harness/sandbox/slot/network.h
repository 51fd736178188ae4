/* network: private to sandbox: the slot's side of a job's network, between the clone and the order
 * to go on. */
#pragma once

#include "harness/sandbox/slot/stage.h"

#define NETWORK_INTERFACE "eth0" /* what a job with nat or a bridge has beside lo */

/* ---- network.c ---- */

/* Connects the network namespace of the cloned PID 1 (which waits) to what its job asks for;
 * `resolver` is what network_resolver said. */
int network_connect(struct sandbox_stage *stage, const struct sandbox_request *request,
                    const char *resolver, struct sandbox_job *job, struct cupel_error *err);
/* The job is gone: so is what served its network. */
void network_disconnect(struct sandbox_job *job);
/* What the job's /etc/resolv.conf is replaced with; NULL: the root's own stays. malloc'ed. */
char *network_resolver(const struct jobs_job *job);
/* The same of /etc/hosts. */
char *network_hosts(const struct sandbox_request *request);
/* A namespace ("net", "user") of an unreaped child, whose pid nobody else can have; negative errno.
 */
int network_open_namespace(pid_t pid, const char *name);

/* ---- nat.c: a network namespace whose traffic goes through a process of pasta's ---- */

/* Starts pasta for the namespaces and waits until the job's interface is there. */
struct nat_order {
    const struct sandbox_nat *with;
    int user_ns, net_ns;
    bool forwards_names; /* the job's resolver is NAT_RESOLVER */
};
int nat_start(const struct nat_order *order, pid_t *ret_pid, struct cupel_error *err);
/* False when it had ended before. */
bool nat_stop(pid_t *pid);

/* ---- tun.c ---- */

/* Between fork and exec, by root: gives this process a mount namespace with a /dev/net/tun that
 * everybody may open. */
int tun_make_own(void);

/* ---- bridge.c: a network namespace that holds a bridge, and a cable from it to each job ---- */

int bridge_attach(int bridge_ns, int net_ns, const struct jobs_job *job, size_t n_members,
                  struct cupel_error *err);
/* What /etc/hosts says in every job of the bridge; malloc'ed. */
/* What every job's /etc/hosts begins with. */
#define HOSTS_LOCAL "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
char *bridge_hosts(const struct jobs_plan *plan, const struct jobs_bridge *bridge);

/* ---- resolver.c ---- */

/* A resolv.conf of the host's as a job behind nat can use it: a resolver at a loopback address
 * becomes the one address that pasta forwards, to the host's first resolver. malloc'ed. */
char *resolver_behind_nat(const char *host);
/* Whether it says to ask there. */
bool resolver_is_forwarded(const char *text);
#define NAT_RESOLVER "10.0.2.3"

/* ---- netns.c ---- */

/* Runs in a child, on the caller's memory as it is: may change namespaces. Returns a descriptor,
 * which the caller gets, or a negative errno; and a number. Only libc, no malloc, no stdio. */
typedef int netns_fn(const void *data, unsigned *ret_number);
int netns_fetch(netns_fn *fetch, const void *data, int *ret_fd, unsigned *ret_number);

/* ---- netlink.c: rtnetlink, through libmnl ---- */

struct mnl_socket;
/* A socket of the network namespace `net_ns`, and the index of `interface` there (NULL: not asked
 * for). */
int netlink_open(int net_ns, const char *interface, struct mnl_socket **ret, unsigned *ret_index);
/* Makes an address that the kernel keeps for itself (127.0.0.0/8) the job's own on this interface
 * as well. */
/* A new interface `name` that is a bridge, up. */
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
int netlink_keep_local(struct mnl_socket *s, unsigned index, int family, const void *address,
                       unsigned prefix);
