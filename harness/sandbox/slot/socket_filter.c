/* SPDX-License-Identifier: Apache-2.0 */
/* socket_filter: which sockets a job may ask the kernel for, as a part of its seccomp program
 * (seccomp.c). A list of what is allowed: whatever the kernel does not find at once makes it run
 * the host's modprobe, on nobody's account and as often as somebody asks (inet_create(),
 * net/ipv4/af_inet.c), and what is then loaded is kernel surface that no job needs.
 *
 * Written by hand, since libseccomp compares an argument once a rule: "none of these" would be a
 * hundred rules. */
#include "harness/sandbox/slot/socket_filter.h"

#include "base/base.h"

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOCK_TYPE_MASK 0xf
#define SOCK_TYPES 11 /* from here on the kernel says EINVAL, before anything else */

/* No MPTCP (its queues are in no list of sockets, so that nobody could bound them), no SMC, SCTP,
 * DCCP or L2TP. What lies in a netlink socket's queue is on nobody's account
 * (netlink_alloc_large_skb(), net/netlink/af_netlink.c): ROUTE, by which libc lists interfaces, and
 * KOBJECT_UEVENT, which libudev listens to, are what is left of it. UDP-Lite went away with
 * Linux 7.0. */
static const struct {
    uint32_t family;
    uint32_t type;     /* 0: any */
    uint32_t from, to; /* protocols */
    const char *list;  /* not NULL: where the kernel lists such sockets, if it has them */
} allowed[] = {
    {AF_UNIX, 0, 0, UINT32_MAX, NULL},
    {AF_INET, SOCK_STREAM, 0, 0, NULL},
    {AF_INET, SOCK_STREAM, IPPROTO_TCP, IPPROTO_TCP, NULL},
    {AF_INET, SOCK_DGRAM, 0, 0, NULL},
    {AF_INET, SOCK_DGRAM, IPPROTO_UDP, IPPROTO_UDP, NULL},
    {AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, IPPROTO_UDPLITE, "/proc/net/udplite"},
    {AF_INET, SOCK_DGRAM, IPPROTO_ICMP, IPPROTO_ICMP, NULL},
    {AF_INET, SOCK_RAW, 1, 255, NULL},
    {AF_INET6, SOCK_STREAM, 0, 0, NULL},
    {AF_INET6, SOCK_STREAM, IPPROTO_TCP, IPPROTO_TCP, NULL},
    {AF_INET6, SOCK_DGRAM, 0, 0, NULL},
    {AF_INET6, SOCK_DGRAM, IPPROTO_UDP, IPPROTO_UDP, NULL},
    {AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE, IPPROTO_UDPLITE, "/proc/net/udplite"},
    {AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, IPPROTO_ICMPV6, NULL},
    {AF_INET6, SOCK_RAW, 1, 255, NULL},
    {AF_NETLINK, 0, NETLINK_ROUTE, NETLINK_ROUTE, NULL},
    {AF_NETLINK, 0, NETLINK_KOBJECT_UEVENT, NETLINK_KOBJECT_UEVENT, NULL},
};

/* The kernel takes these arguments as int. */
#define LOW(i)                                                                                     \
    (uint32_t)(offsetof(struct seccomp_data, args[i]) +                                            \
               (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(uint32_t) : 0))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define IF(how, value, then, otherwise)                                                            \
    BPF_JUMP(BPF_JMP | (how) | BPF_K, (value), (then), (otherwise))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define FAIL(errnum) RETURN(SECCOMP_RET_ERRNO | (errnum))

#define NO_CALL (UINT32_MAX - 1)

/* The calls that make sockets, by architecture. socketcall has its arguments in memory, where no
 * filter sees them. */
struct socket_entry {
    uint32_t architecture, socket, socketpair, socketcall;
};

static size_t find_entries(struct socket_entry ret[static 2])
{
    ret[0] = (struct socket_entry){seccomp_arch_native(), SYS_socket, SYS_socketpair, NO_CALL};
#ifdef SYS_socketcall
    ret[0].socketcall = SYS_socketcall;
#endif
    ret[1] = (struct socket_entry){SCMP_ARCH_X86, 359, 360, 102};
    return seccomp_arch_native() == SCMP_ARCH_X86_64 ? 2 : 1;
}

struct filter_part {
    struct sock_filter *code;
    size_t n;
};

#define ADD(part, ...)                                                                             \
    do {                                                                                           \
        const struct sock_filter add_[] = {__VA_ARGS__};                                           \
        memcpy((part)->code + (part)->n, add_, sizeof(add_));                                      \
        (part)->n += ARRAY_SIZE(add_);                                                             \
    } while (0)

#define ENTRY_SIZE 7

/* `left`: how many entries follow; behind the last of them stand two answers, and then the rules.
 */
static void add_entry(struct filter_part *p, const struct socket_entry *e, size_t left)
{
    uint8_t end = (uint8_t)(left * ENTRY_SIZE);

    ADD(p, LOAD(offsetof(struct seccomp_data, arch)),
        IF(BPF_JEQ, e->architecture, 0, ENTRY_SIZE - 2), LOAD(offsetof(struct seccomp_data, nr)),
        IF(BPF_JEQ, e->socket, (uint8_t)(end + 5), 0),
        IF(BPF_JEQ, e->socketpair, (uint8_t)(end + 4), 0),
        IF(BPF_JEQ, e->socketcall, (uint8_t)(end + 2), 0), RETURN(SECCOMP_RET_ALLOW));
}

/* How many rules from this one on are of one family and type, which are then compared once: the
 * kernel takes its time to translate a program, for each command of each job anew. */
static size_t group_size(size_t first)
{
    size_t n = 1;

    while (first + n < ARRAY_SIZE(allowed) && allowed[first + n].family == allowed[first].family &&
           allowed[first + n].type == allowed[first].type)
        n++;
    return n;
}

/* Behind the last one stands what comes next. */
static void add_protocols(struct filter_part *p, size_t first, size_t n)
{
    ADD(p, LOAD(LOW(2)));
    for (size_t i = first; i < first + n; i++) {
        if (allowed[i].list != NULL && access(allowed[i].list, F_OK) < 0)
            continue;
        if (allowed[i].from == allowed[i].to)
            ADD(p, IF(BPF_JEQ, allowed[i].from, 0, 1), RETURN(SECCOMP_RET_ALLOW));
        else
            ADD(p, IF(BPF_JGE, allowed[i].from, 0, 2), IF(BPF_JGT, allowed[i].to, 1, 0),
                RETURN(SECCOMP_RET_ALLOW));
    }
}

static void add_rules(struct filter_part *p)
{
    for (size_t i = 0, n; i < ARRAY_SIZE(allowed); i += n) {
        size_t family, type = 0;

        n = group_size(i);
        ADD(p, LOAD(LOW(0)), IF(BPF_JEQ, allowed[i].family, 0, 0));
        family = p->n;
        if (allowed[i].type != 0) {
            ADD(p, LOAD(LOW(1)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SOCK_TYPE_MASK),
                IF(BPF_JEQ, allowed[i].type, 0, 0));
            type = p->n;
        }
        add_protocols(p, i, n);
        p->code[family - 1].jf = (uint8_t)(p->n - family);
        if (type != 0)
            p->code[type - 1].jf = (uint8_t)(p->n - type);
    }
}

/* Answers the rest as a kernel without it does. PAM, and so su and runuser, take EAFNOSUPPORT for
 * one without audit, and no other answer. */
static void add_answers(struct filter_part *p)
{
    ADD(p, LOAD(LOW(0)), IF(BPF_JEQ, AF_INET, 2, 0), IF(BPF_JEQ, AF_INET6, 1, 0),
        FAIL(EAFNOSUPPORT), LOAD(LOW(1)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SOCK_TYPE_MASK),
        IF(BPF_JGE, SOCK_TYPES, 0, 1), RETURN(SECCOMP_RET_ALLOW), IF(BPF_JEQ, SOCK_STREAM, 3, 0),
        IF(BPF_JEQ, SOCK_DGRAM, 2, 0), IF(BPF_JEQ, SOCK_RAW, 1, 0), FAIL(ESOCKTNOSUPPORT),
        FAIL(EPROTONOSUPPORT));
}

size_t socket_filter(const struct jobs_seccomp *what,
                     struct sock_filter to[static SOCKET_FILTER_MAX])
{
    struct filter_part part = {.code = to};
    struct socket_entry entries[2];
    size_t n = find_entries(entries);

    for (size_t i = 0; i < n; i++) {
        if (jobs_names_have(what->deny, "socket")) /* is refused as a whole */
            entries[i].socket = NO_CALL;
        if (jobs_names_have(what->deny, "socketpair"))
            entries[i].socketpair = NO_CALL;
        add_entry(&part, &entries[i], n - i - 1);
    }
    /* another architecture is for who comes next */
    ADD(&part, RETURN(SECCOMP_RET_ALLOW), FAIL(EAFNOSUPPORT));
    add_rules(&part);
    add_answers(&part);
    return part.n;
}
