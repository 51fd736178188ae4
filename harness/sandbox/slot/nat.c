/* SPDX-License-Identifier: Apache-2.0 */
/* nat: `network: nat`, through pasta(1): a process of the harness that has a tap device in the
 * job's network namespace and ordinary sockets in the host's. It runs as nobody in particular (the
 * last id of the job's user namespace), shuts itself in (an empty root, a filter of its own), and
 * dies with the slot. What it may do is narrowed here: no port leads in, and none of the host's
 * loopback addresses can be reached, by whatever way. */
#include "harness/sandbox/slot/nat.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/netlink.h"
#include "harness/sandbox/slot/network.h"
#include "harness/sandbox/slot/resolver.h"
#include "harness/sandbox/slot/tun.h"

#include "base/program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define START_TIMEOUT_MS                                                                           \
    (30 * 1000) /* 20 ms as a rule; a bound for a machine that is busy with everything else */
#define SAID_SIZE 4096
/* The last of the ids that a user namespace of 65,536 has: no job runs as that, so that its
 * processes are not counted as the job's (RLIMIT_NPROC counts by user id and namespace). */
#define PASTA_ID 65535

/* ---- what it takes ---- */

int sandbox_nat_check(const struct sandbox_privilege *p, struct sandbox_nat *ret,
                      struct cupel_error *err)
{
    struct sandbox_nat nat;
    char path[256];
    int r = sandbox_tun_check(p, &nat.own_tun, err);

    if (r < 0)
        return r;
    if (!program_find("pasta", path, sizeof(path))) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "`network: nat` takes the program pasta, which is not %s",
                              program_where());
        cupel_error_hint(err, "install the package passt");
        return -ENOTSUP;
    }
    nat.pasta = xstrdup(path);
    *ret = nat;
    return 0;
}

/* ---- its command line ---- */

/* The same addresses on every machine; IPv6 only where the host has a way out by it (pasta leaves
 * the rest aside). Streams: 0 is the network namespace, 1 gets its pid when it is ready, 2 what
 * goes wrong. Later versions close every other descriptor. */
static const char *const arguments[] = {
    /* clang-format off */
    "pasta", "--foreground", "--quiet",
    "--netns-only", "--netns", "/proc/self/fd/0", "--no-netns-quit",
    "--pid", "/proc/self/fd/1",
    "--config-net", "--ns-ifname", NETWORK_INTERFACE, "--ns-mac-addr", "02:63:75:70:65:6c",
    "--address", "10.0.2.100", "--netmask", "24", "--gateway", "10.0.2.2",
    "--address", "fd63:7570:656c:2::100", "--gateway", "fd63:7570:656c:2::2",
    "--mac-addr", "02:63:75:70:65:6d",
    "--no-dhcp", "--no-dhcpv6", "--no-ra",
    /* nothing in (-t, -u), nothing past the tap device to the host's loopback (-T, -U, and the
       gateway's address) */
    "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
    "--no-map-gw",
    /* clang-format on */
};
/* Where the job asks there. Not elsewhere: every answer of the host's first resolver seems to come
 * from this address then, and a job that has asked that resolver itself waits for one from there
 * (resolv.conf(5)'s five seconds, several times over). */
static const char *const forwarding[] = {"--dns-forward", NAT_RESOLVER};
#define ARGUMENTS_MAX (ARRAY_SIZE(arguments) + ARRAY_SIZE(forwarding) + 1)

/* ---- between fork and exec: no malloc, no stdio ---- */

struct nat_child {
    const struct nat_order *order;
    const char *arguments[ARGUMENTS_MAX];
    pid_t slot;
    int ready, said;
};

_Noreturn static void child_fail(const char *what)
{
    const char *why = strerrordesc_np(errno);

    (void)!write(STDERR_FILENO, what, strlen(what));
    (void)!write(STDERR_FILENO, ": ", 2);
    if (why != NULL)
        (void)!write(STDERR_FILENO, why, strlen(why));
    _exit(126);
}

static void child_streams(const struct nat_child *c)
{
    if (dup2(c->order->net_ns, STDIN_FILENO) < 0 || dup2(c->ready, STDOUT_FILENO) < 0 ||
        dup2(c->said, STDERR_FILENO) < 0)
        _exit(126);
}

static void child_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG;
         sig++) /* SIGKILL, SIGSTOP and libc's own refuse, which is right */
        (void)signal(sig, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Enters the job's user namespace, which gives every right over it and none over the host; keeps
 * the two that pasta needs. With a map of one id it is that one. Rights pass through exec only as
 * ambient ones, since it is not root there. */
static void child_rights(const struct nat_child *c)
{
    static const unsigned kept[] = {CAP_SYS_ADMIN, CAP_NET_ADMIN};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    unsigned id = PASTA_ID;

    if (setns(c->order->user_ns, CLONE_NEWUSER) < 0)
        child_fail("cannot enter the job's user namespace");
    (void)prctl(PR_SET_KEEPCAPS, 1);
    if (syscall(SYS_setresgid, id, id, id) < 0 && errno == EINVAL)
        id = 0;
    (void)syscall(SYS_setgroups, 0, NULL); /* refused where the map has one id only */
    if (syscall(SYS_setresgid, id, id, id) < 0 || syscall(SYS_setresuid, id, id, id) < 0)
        child_fail("cannot take an id of the job's");
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        data[0].effective |= 1u << kept[i];
    data[0].permitted = data[0].inheritable = data[0].effective;
    if (syscall(SYS_capset, &header, data) < 0)
        child_fail("cannot set capabilities");
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0) < 0)
            child_fail("cannot keep capabilities");
}

/* Makes the tun device while the child has the rights of the host's root. */
static void child_device(const struct nat_child *c)
{
    int r = c->order->with->own_tun ? tun_make_own() : 0;

    errno = -r;
    if (r < 0)
        child_fail("cannot give it a tun device of its own");
}

_Noreturn static void child_main(const struct nat_child *c)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                              NULL};

    child_streams(c);
    child_signals();
    child_device(c);
    child_rights(c);
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0) < 0)
        child_fail("cannot close descriptors");
    /* any change of ids clears it; what the program drops later does not (prctl(2)) */
    program_die_with(c->slot);
    (void)execve(c->order->with->pasta, (char *const *)(uintptr_t)c->arguments,
                 (char *const *)(uintptr_t)environment);
    child_fail("cannot execute it");
}

/* ---- in the slot ---- */

/* What it says before it is ready. Sealed at its size, so that it neither grows without bound nor
 * ever blocks the writer. */
static int open_said(void)
{
    cleanup_close int fd = memfd_create("pasta", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, SAID_SIZE) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* Returns the last line of what pasta said, except for complaints that there is no system log. */
static void last_line(int said, char *ret, size_t size)
{
    char text[SAID_SIZE + 1], *save = NULL;
    ssize_t n = pread(said, text, SAID_SIZE, 0);

    text[n > 0 ? n : 0] = '\0';
    (void)snprintf(ret, size, "it does not say why");
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        if (!str_starts(line, "Failed to send"))
            (void)snprintf(ret, size, "%s", line);
}

/* 0 once it has written its pid. */
static int wait_until_ready(int ready)
{
    struct pollfd p = {.fd = ready, .events = POLLIN};
    uint64_t end = clock_monotonic_ns() + START_TIMEOUT_MS * NSEC_PER_MSEC, now;
    char pid[32];

    while ((now = clock_monotonic_ns()) < end) {
        int n = poll(&p, 1, (int)((end - now) / NSEC_PER_MSEC) + 1);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            return read(ready, pid, sizeof(pid)) > 0 ? 0 : -EPIPE;
    }
    return -ETIMEDOUT;
}

static int explain(int r, int said, struct cupel_error *err)
{
    char why[256];

    last_line(said, why, sizeof(why));
    if (r == -ETIMEDOUT)
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "pasta is not ready after %d s",
                              START_TIMEOUT_MS / 1000);
    else
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "pasta failed: %s", why);
    if (strstr(why, "nterface") != NULL)
        cupel_error_hint(err, "nat takes a host that has a default route itself");
    return r;
}

/* IPv6 is off, here or in the kernel: then nothing leaves by it either. */
static bool is_without_ipv6(int r)
{
    return r == -EACCES || r == -EAFNOSUPPORT || r == -EOPNOTSUPP || r == -ENODEV;
}

/* The kernel sends what is bound to an interface out of it whatever the address: without this, a
 * packet to 127.0.0.1 would leave by pasta, which would deliver it to the host's own loopback. An
 * error in a route would be ignored for the same reason (ip_route_output_key_hash_rcu(),
 * net/ipv4/route.c), a local one is not. */
static int keep_loopback(struct mnl_socket *s, unsigned index)
{
    const struct in_addr loopback4 = {htonl(INADDR_LOOPBACK & 0xff000000u)};
    int r = netlink_keep_local(s, index, AF_INET, &loopback4, 8);

    if (r == 0)
        r = netlink_keep_local(s, index, AF_INET6, &in6addr_loopback, 128);
    return is_without_ipv6(r) ? 0 : r;
}

/* What pasta has put on the job's link, of which only the gateway is there. Each address on a link
 * that a job sends to is an entry of a table that the whole machine shares (bridge.c has more); by
 * way of the gateway it is none. */
static const struct {
    int family;
    const char *network;
    unsigned prefix;
    const char *gateway;
} links[] = {
    {AF_INET, "10.0.2.0", 24, "10.0.2.2"},
    {AF_INET6, "fd63:7570:656c:2::", 64, "fd63:7570:656c:2::2"},
    {AF_INET6, "fe80::", 64, NULL},
};

static int keep_gateway(struct mnl_socket *s, unsigned index)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(links); i++) {
        struct in6_addr network, gateway;

        (void)inet_pton(links[i].family, links[i].network, &network);
        if (links[i].gateway != NULL && inet_pton(links[i].family, links[i].gateway, &gateway) == 1)
            r = netlink_add_route(s, index, links[i].family, &gateway,
                                  links[i].family == AF_INET ? 32 : 128);
        if (r == 0)
            r = netlink_remove_route(s, index, links[i].family, &network, links[i].prefix);
        if (r == -ESRCH || is_without_ipv6(r)) /* pasta has no way out by IPv6 */
            r = 0;
    }
    return r < 0 ? r : netlink_keep_bound(s, index, NETWORK_INTERFACE);
}

static int set_routes(int net_ns, struct cupel_error *err)
{
    struct mnl_socket *s;
    unsigned index;
    int r = netlink_open(net_ns, NETWORK_INTERFACE, &s, &index);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot find the interface that pasta has made");
    r = keep_loopback(s, index);
    if (r < 0)
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                              "cannot keep the host's loopback out of reach");
    if (r == 0) {
        r = keep_gateway(s, index);
        if (r < 0)
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot set the job's routes");
    }
    (void)mnl_socket_close(s);
    return r;
}

static void set_arguments(struct nat_child *c)
{
    memcpy(c->arguments, arguments, sizeof(arguments));
    if (c->order->forwards_names)
        memcpy(c->arguments + ARRAY_SIZE(arguments), forwarding, sizeof(forwarding));
}

int nat_start(const struct nat_order *order, pid_t *ret_pid, struct cupel_error *err)
{
    cleanup_close int ready = -EBADF, ready_end = -EBADF, said = open_said();
    struct nat_child child = {.order = order, .slot = getpid(), .said = said};
    int ends[2], r;
    pid_t pid;

    if (said < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, said < 0 ? said : errno,
                               "cannot start pasta");
    set_arguments(&child);
    ready = ends[0];
    ready_end = child.ready = ends[1];
    /* it opens this anew, by another id; only who may look into its /proc can do so */
    pid = fchmod(ready_end, 0666) < 0 ? -1 : _Fork();
    if (pid == 0)
        child_main(&child);
    if (pid < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot start pasta");
    base_closep(&ready_end);
    ready_end = -EBADF;
    r = wait_until_ready(ready);
    if (r < 0) {
        (void)explain(r, said, err);
    } else {
        r = set_routes(order->net_ns, err);
    }
    if (r < 0)
        (void)nat_stop(&pid);
    else
        *ret_pid = pid;
    return r;
}

/* Whether it ends, or has ended, by itself. Its descriptors, and with them the job's interface, go
 * before it can be waited for; from before that on the kernel says so, in the ninth field of
 * proc(5)'s stat. */
#define PF_EXITING 0x4u
static bool is_exiting(pid_t pid)
{
    cleanup_close int fd = -EBADF;
    cleanup_free char *text = NULL;
    char path[64], *p;
    unsigned flags;
    size_t len;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || file_read_fd(fd, 4096, &text, &len) < 0)
        return false;
    p = strrchr(text, ')'); /* the second field may hold anything */
    return p != NULL && sscanf(p, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
           (flags & PF_EXITING) != 0;
}

bool nat_stop(pid_t *pid)
{
    bool alive;

    if (*pid <= 0)
        return true;
    alive = !is_exiting(*pid);
    if (waitpid(*pid, NULL, WNOHANG) == 0) {
        (void)kill(*pid, SIGKILL); /* not reaped yet, so the pid is still its own */
        while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    *pid = -1;
    return alive;
}
