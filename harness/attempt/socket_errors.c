/* SPDX-License-Identifier: Apache-2.0 */
/* socket_errors: see socket_errors.h. */
#include "harness/attempt/socket_errors.h"

#include "base/base.h"
#include "harness/sandbox/sandbox.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a packet in an error queue takes at most beside its data: three copies of its head, one for
 * each kind of timestamp. */
#define PER_PACKET 2048

static FILE *open_of(pid_t init, const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)init, name);
    return fopen(path, "re");
}

/* ---- whether it could be too much ---- */

/* The last number of a file of the machine's settings. */
static uint64_t setting(const char *path)
{
    cleanup_fclose FILE *f = fopen(path, "re");
    unsigned long long value = 0;

    while (f != NULL && fscanf(f, "%llu", &value) == 1)
        ;
    return value;
}

/* A socket's queue ends at its receive buffer: twice what is asked for, or as large as TCP makes
 * it. */
static uint64_t most_per_socket(void)
{
    uint64_t asked = 2 * setting("/proc/sys/net/core/rmem_max"),
             usual = setting("/proc/sys/net/core/rmem_default");
    uint64_t tcp = setting("/proc/sys/net/ipv4/tcp_rmem");

    asked = asked > usual ? asked : usual;
    return asked > tcp ? asked : tcp;
}

/* "Ip: Forwarding DefaultTTL ..." over "Ip: 1 64 ...": snmp(7), a line of names over one of
 * numbers. */
static uint64_t column(FILE *f, const char *group, const char *const *names,
                       const uint64_t *weights, size_t n)
{
    char heads[8192], values[8192], *save_head = NULL, *save_value = NULL;
    uint64_t sum = 0;

    while (fgets(heads, sizeof(heads), f) != NULL && fgets(values, sizeof(values), f) != NULL) {
        char *head = strtok_r(heads, " \n", &save_head),
             *value = strtok_r(values, " \n", &save_value);

        if (head == NULL || !str_eq(head, group))
            continue;
        while ((head = strtok_r(NULL, " \n", &save_head)) != NULL &&
               (value = strtok_r(NULL, " \n", &save_value)) != NULL)
            for (size_t i = 0; i < n; i++)
                if (str_eq(head, names[i]))
                    sum += weights[i] * strtoull(value, NULL, 10);
    }
    return sum;
}

static uint64_t traffic4(pid_t init)
{
    static const char *const packets[] = {"InReceives", "OutRequests"}, *const bytes[] = {
                                                                            "InOctets",
                                                                            "OutOctets"};
    static const uint64_t per_packet[] = {PER_PACKET, PER_PACKET}, once[] = {1, 1};
    cleanup_fclose FILE *snmp = open_of(init, "snmp"), *netstat = open_of(init, "netstat");

    return (snmp != NULL ? column(snmp, "Ip:", packets, per_packet, 2) : 0) +
           (netstat != NULL ? column(netstat, "IpExt:", bytes, once, 2) : 0);
}

static uint64_t traffic6(pid_t init)
{
    cleanup_fclose FILE *f = open_of(init, "snmp6"); /* absent: no IPv6 */
    unsigned long long value;
    uint64_t sum = 0;
    char name[64];

    while (f != NULL && fscanf(f, "%63s %llu", name, &value) == 2) {
        if (str_eq(name, "Ip6InReceives") || str_eq(name, "Ip6OutRequests"))
            sum += PER_PACKET * value;
        if (str_eq(name, "Ip6InOctets") || str_eq(name, "Ip6OutOctets"))
            sum += value;
    }
    return sum;
}

void socket_errors_begin(struct socket_errors *e, const struct sandbox_job *job)
{
    *e = (struct socket_errors){.job = job, .diag = -EBADF};
}

/* Most jobs have few sockets, and most of the others send little: of those no list is ever read. */
bool socket_errors_possible(struct socket_errors *e, uint64_t sockets, uint64_t enough)
{
    uint64_t traffic;

    if (sockets == 0)
        return false;
    if (e->per_socket == 0) {
        e->per_socket = most_per_socket();
        e->left = enough;
    }
    if (sockets * e->per_socket <= enough)
        return false;
    traffic = traffic4(e->job->pid) + traffic6(e->job->pid);
    if (traffic - e->seen <= e->left)
        return false;
    e->seen = traffic;
    return true;
}

void socket_errors_looked(struct socket_errors *e, uint64_t left)
{
    e->left = left;
}

/* ---- TCP ---- */

static int ask(int fd, int family)
{
    const struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } message = {.header = {.nlmsg_len = sizeof(message),
                            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                 .request = {.sdiag_family = (uint8_t)family,
                             .sdiag_protocol = IPPROTO_TCP,
                             .idiag_ext = 1U << (INET_DIAG_SKMEMINFO - 1),
                             .idiag_states = ~(1U << TCP_TIME_WAIT)}};

    return send(fd, &message, sizeof(message), 0) == (ssize_t)sizeof(message) ? 0 : -errno;
}

static uint64_t held(const struct nlmsghdr *h, uint64_t per_orphan)
{
    const struct inet_diag_msg *m = NLMSG_DATA(h);
    unsigned len = (unsigned)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    bool listens = m->idiag_state == TCP_LISTEN;

    for (const struct rtattr *a = (const struct rtattr *)(m + 1); RTA_OK(a, len);
         a = RTA_NEXT(a, len))
        if (a->rta_type == INET_DIAG_SKMEMINFO)
            memcpy(memory, RTA_DATA(a),
                   RTA_PAYLOAD(a) < sizeof(memory) ? RTA_PAYLOAD(a) : sizeof(memory));
    return (uint64_t)memory[SK_MEMINFO_RMEM_ALLOC] + memory[SK_MEMINFO_WMEM_QUEUED] +
           memory[SK_MEMINFO_BACKLOG] + (m->idiag_inode == 0 && !listens ? per_orphan : 0);
}

/* The kernel has an answer ready for each read until its last, which says so. */
static int read_all(int fd, uint64_t per_orphan, uint64_t *ret)
{
    union {
        char bytes[16384];
        struct nlmsghdr align;
    } b;
    ssize_t n;

    while ((n = recv(fd, b.bytes, sizeof(b.bytes), MSG_DONTWAIT)) > 0) {
        unsigned len = (unsigned)n;

        for (const struct nlmsghdr *h = &b.align; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
            if (h->nlmsg_type ==
                NLMSG_DONE) /* with an error where the kernel has no part for TCP */
                return h->nlmsg_len >= NLMSG_LENGTH(sizeof(int)) ? *(const int *)NLMSG_DATA(h) : 0;
            if (h->nlmsg_type == NLMSG_ERROR ||
                h->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
                return -EOPNOTSUPP;
            *ret += held(h, per_orphan);
        }
    }
    return n < 0 ? -errno : -EPROTO;
}

int socket_errors_tcp(struct socket_errors *e, int family, uint64_t per_orphan, uint64_t *ret)
{
    uint64_t sum = 0;
    int r;

    if (!e->tried && sandbox_socket_diag_open(e->job, &e->diag) < 0)
        e->diag = -EBADF;
    e->tried = true;
    if (e->diag < 0)
        return -EOPNOTSUPP;
    r = ask(e->diag, family);
    if (r == 0)
        r = read_all(e->diag, per_orphan, &sum);
    if (r < 0) /* a kernel without it, or half an answer: the next one would not be told from its
                  rest */
        socket_errors_end(e);
    else
        *ret = sum;
    return r;
}

void socket_errors_end(struct socket_errors *e)
{
    if (e->diag >= 0)
        (void)close(e->diag);
    e->diag = -EBADF;
}
