/* SPDX-License-Identifier: Apache-2.0 */
/* test_sandbox_seccomp: the compiled program, installed in a child of this test: what it refuses,
 * with which error, for every entry into this kernel; and that ordinary calls work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/seccomp.h"

#define NO_FILTER 100 /* exit code of a child that could not install the program */

static int setup(void **state)
{
    struct sandbox_filter *filter = NULL;
    struct cupel_error err;

    if (sandbox_filter_compile(&(struct jobs_seccomp){0}, &filter, &err) < 0) {
        cupel_error_print(&err, stderr);
        return -1;
    }
    *state = filter;
    return 0;
}

static int teardown(void **state)
{
    sandbox_filter_free(*state);
    return 0;
}

/* Runs body() in a child under the filter; what it returns is the exit code. Negative: killed by
 * that signal. */
static int under_filter(struct sandbox_filter *filter, int (*body)(const void *), const void *data)
{
    struct sock_fprog program;
    int status;
    pid_t pid;

    assert_int_equal(filter_program(filter, &program, &(bool){false}), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
            _exit(NO_FILTER);
        _exit(body(data));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct call {
    const char *name;
    long number;
    unsigned long arguments[6];
    int expected; /* errno */
};

/* The errno of the call, 0 when it worked. */
static int make_call(const void *data)
{
    const struct call *c = data;
    const unsigned long *a = c->arguments;

    return syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
}

static void check_calls(struct sandbox_filter *filter, int (*how)(const void *),
                        const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int got = under_filter(filter, how, &calls[i]);

        if (got != calls[i].expected)
            fail_msg("%s: %d (%s), not %d", calls[i].name, got, got > 0 ? strerror(got) : "",
                     calls[i].expected);
    }
}

#define HIGH (UINT64_C(1) << 32)
#define BAD ((unsigned long)-1)
#define NO_FLAG                                                                                    \
    0x100 /* of a socket's type: the kernel says EINVAL before it looks for family and protocol */

static void test_refused(void **state)
{
    /* arguments for which an unfiltered kernel gives another answer than EPERM, or none at all */
    static const struct call calls[] = {
        {"keyctl", SYS_keyctl, {0, BAD}, EPERM},
        {"add_key", SYS_add_key, {0}, EPERM},
        {"request_key", SYS_request_key, {0}, EPERM},
        {"io_uring_setup", SYS_io_uring_setup, {0}, EPERM},
        {"io_uring_enter", SYS_io_uring_enter, {BAD}, EPERM},
        {"io_uring_register", SYS_io_uring_register, {BAD}, EPERM},
        {"userfaultfd", SYS_userfaultfd, {BAD}, EPERM},
        {"bpf", SYS_bpf, {BAD}, EPERM},
        {"perf_event_open", SYS_perf_event_open, {0}, EPERM},
        {"fanotify_init", SYS_fanotify_init, {BAD}, EPERM},
        {"vmsplice", SYS_vmsplice, {BAD}, EPERM},
        {"io_setup", SYS_io_setup, {1, 0}, ENOSYS},
        {"unshare of nothing", SYS_unshare, {0}, EPERM},
        {"unshare of a user namespace", SYS_unshare, {CLONE_NEWUSER}, EPERM},
        {"setns", SYS_setns, {BAD}, EPERM},
        {"mount", SYS_mount, {0}, EPERM},
        {"umount2", SYS_umount2, {0}, EPERM},
        {"pivot_root", SYS_pivot_root, {0}, EPERM},
        {"open_tree", SYS_open_tree, {BAD}, EPERM},
        {"move_mount", SYS_move_mount, {BAD}, EPERM},
        {"fsopen", SYS_fsopen, {0}, EPERM},
        {"mount_setattr", SYS_mount_setattr, {BAD}, EPERM},
        {"open_by_handle_at", SYS_open_by_handle_at, {BAD}, EPERM},
        {"name_to_handle_at", SYS_name_to_handle_at, {BAD}, EPERM},
        {"kexec_load", SYS_kexec_load, {0, BAD, BAD, BAD}, EPERM},
        {"init_module", SYS_init_module, {0}, EPERM},
        {"swapon", SYS_swapon, {0}, EPERM},
        {"reboot", SYS_reboot, {0}, EPERM},
        {"syslog", SYS_syslog, {BAD}, EPERM},
        {"acct", SYS_acct, {BAD}, EPERM},
        {"settimeofday", SYS_settimeofday, {0}, EPERM},
        {"clock_settime", SYS_clock_settime, {BAD, BAD}, EPERM},
        {"pidfd_getfd", SYS_pidfd_getfd, {BAD}, EPERM},
        {"kcmp", SYS_kcmp, {0}, EPERM},
        {"clone3", SYS_clone3, {0}, ENOSYS},
        {"clone3 of a real size", SYS_clone3, {0, 88}, ENOSYS},
    };

    check_calls(*state, make_call, calls, ARRAY_SIZE(calls));
}

static void test_refused_by_argument(void **state)
{
    static const struct call calls[] = {
        {"limits of PID 1", SYS_prlimit64, {1}, EPERM},
        {"limits of PID 1 with high bits", SYS_prlimit64, {1 | HIGH}, EPERM},
        {"TIOCSTI", SYS_ioctl, {BAD, TIOCSTI}, EPERM},
        {"TIOCSTI with high bits", SYS_ioctl, {BAD, TIOCSTI | HIGH}, EPERM},
        {"TIOCSTI with all high bits", SYS_ioctl, {BAD, TIOCSTI | ~UINT64_C(0xffffffff)}, EPERM},
        {"TIOCLINUX", SYS_ioctl, {BAD, TIOCLINUX | HIGH}, EPERM},
        {"AF_VSOCK", SYS_socket, {AF_VSOCK, SOCK_STREAM}, EAFNOSUPPORT},
        {"AF_AX25", SYS_socket, {AF_AX25, BAD}, EAFNOSUPPORT},
        {"AF_IPX", SYS_socket, {AF_IPX, BAD}, EAFNOSUPPORT},
        {"AF_X25", SYS_socket, {AF_X25, BAD}, EAFNOSUPPORT},
        {"AF_KEY", SYS_socket, {AF_KEY, BAD}, EAFNOSUPPORT},
        {"AF_RDS", SYS_socket, {AF_RDS, BAD}, EAFNOSUPPORT},
        {"AF_CAN", SYS_socket, {AF_CAN, BAD}, EAFNOSUPPORT},
        {"AF_TIPC", SYS_socket, {AF_TIPC, BAD}, EAFNOSUPPORT},
        {"AF_BLUETOOTH", SYS_socket, {AF_BLUETOOTH, BAD}, EAFNOSUPPORT},
        {"AF_XDP with high bits", SYS_socket, {AF_XDP | HIGH, BAD}, EAFNOSUPPORT},
        {"a pair of AF_TIPC", SYS_socketpair, {AF_TIPC, SOCK_STREAM}, EAFNOSUPPORT},
        {"AF_VSOCK with high bits", SYS_socket, {AF_VSOCK | HIGH, SOCK_STREAM}, EAFNOSUPPORT},
        {"AF_PACKET", SYS_socket, {AF_PACKET, BAD}, EAFNOSUPPORT},
        {"AF_ALG", SYS_socket, {AF_ALG, BAD}, EAFNOSUPPORT},
        {"audit", SYS_socket, {AF_NETLINK, BAD, NETLINK_AUDIT}, EAFNOSUPPORT},
        {"audit with high bits",
         SYS_socket,
         {AF_NETLINK | HIGH, BAD, NETLINK_AUDIT | HIGH},
         EAFNOSUPPORT},
        {"netlink of users", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK}, EAFNOSUPPORT},
        {"netlink of users, high bits",
         SYS_socket,
         {AF_NETLINK | HIGH, SOCK_RAW, NETLINK_USERSOCK | HIGH},
         EAFNOSUPPORT},
        {"netlink of socket lists",
         SYS_socket,
         {AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG},
         EAFNOSUPPORT},
        {"netlink of drivers", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_GENERIC}, EAFNOSUPPORT},
        {"netlink's last", SYS_socket, {AF_NETLINK, SOCK_RAW, MAX_LINKS - 1}, EAFNOSUPPORT},
        {"multipath TCP",
         SYS_socket,
         {AF_INET, SOCK_STREAM | NO_FLAG, IPPROTO_MPTCP},
         EPROTONOSUPPORT},
        {"multipath TCP with high bits",
         SYS_socket,
         {AF_INET6 | HIGH, SOCK_STREAM | NO_FLAG | HIGH, IPPROTO_MPTCP | HIGH},
         EPROTONOSUPPORT},
        {"SMC by protocol", SYS_socket, {AF_INET, SOCK_STREAM | NO_FLAG, 256}, EPROTONOSUPPORT},
        {"SCTP", SYS_socket, {AF_INET, SOCK_STREAM | NO_FLAG, IPPROTO_SCTP}, EPROTONOSUPPORT},
        {"a pair of SCTP",
         SYS_socketpair,
         {AF_INET6, SOCK_STREAM | NO_FLAG, IPPROTO_SCTP},
         EPROTONOSUPPORT},
        {"SCTP by packets",
         SYS_socket,
         {AF_INET, SOCK_SEQPACKET | NO_FLAG, IPPROTO_SCTP},
         ESOCKTNOSUPPORT},
        {"DCCP", SYS_socket, {AF_INET, SOCK_DCCP | NO_FLAG, IPPROTO_DCCP}, ESOCKTNOSUPPORT},
        {"L2TP", SYS_socket, {AF_INET, SOCK_DGRAM | NO_FLAG, 115}, EPROTONOSUPPORT},
        {"no type", SYS_socket, {AF_INET6, NO_FLAG, 0}, ESOCKTNOSUPPORT},
        {"a protocol of another type",
         SYS_socket,
         {AF_INET, SOCK_STREAM | NO_FLAG, IPPROTO_UDP},
         EPROTONOSUPPORT},
        {"a protocol of another family",
         SYS_socket,
         {AF_INET6, SOCK_DGRAM | NO_FLAG, IPPROTO_ICMP},
         EPROTONOSUPPORT},
        {"a raw socket of no protocol",
         SYS_socket,
         {AF_INET, SOCK_RAW | NO_FLAG, 0},
         EPROTONOSUPPORT},
        {"a protocol that there is not",
         SYS_socket,
         {AF_INET, SOCK_RAW | NO_FLAG, 256},
         EPROTONOSUPPORT},
        {"a negative protocol", SYS_socket, {AF_INET, SOCK_STREAM | NO_FLAG, BAD}, EPROTONOSUPPORT},
        {"packets by an old name",
         SYS_socket,
         {AF_INET, SOCK_PACKET | NO_FLAG, 0},
         ESOCKTNOSUPPORT},
        {"the first family of none", SYS_socket, {0, BAD}, EAFNOSUPPORT},
        {"a family that there is not", SYS_socket, {1000, BAD}, EAFNOSUPPORT},
        {"a line discipline", SYS_ioctl, {BAD, TIOCSETD | HIGH}, EPERM},
        {"VLANs", SYS_ioctl, {BAD, SIOCGIFVLAN}, EPERM},
        {"bridges", SYS_ioctl, {BAD, SIOCGIFBR}, EPERM},
        {"a pair of AF_VSOCK", SYS_socketpair, {AF_VSOCK, SOCK_STREAM}, EAFNOSUPPORT},
        {"a large attribute", SYS_setxattr, {0, 0, 0, 4097}, E2BIG},
        {"a large attribute of a link", SYS_lsetxattr, {0, 0, 0, 65536}, E2BIG},
        {"a large attribute by descriptor", SYS_fsetxattr, {BAD, 0, 0, 4096 | HIGH}, E2BIG},
        {"a key of a connection", SYS_setsockopt, {BAD, IPPROTO_TCP, TCP_MD5SIG}, ENOPROTOOPT},
        {"a key of a connection, high bits",
         SYS_setsockopt,
         {BAD, IPPROTO_TCP | HIGH, TCP_MD5SIG_EXT},
         ENOPROTOOPT},
        {"clone of a user namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}, EPERM},
        {"clone of a user namespace, high bits",
         SYS_clone,
         {CLONE_NEWUSER | HIGH | SIGCHLD},
         EPERM},
        {"clone of a mount namespace", SYS_clone, {CLONE_NEWNS | CLONE_VM | CLONE_VFORK}, EPERM},
        {"clone of all namespaces",
         SYS_clone,
         {CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
          CLONE_NEWUTS | SIGCHLD},
         EPERM},
        {"clone of a cgroup namespace", SYS_clone, {CLONE_NEWCGROUP | SIGCHLD}, EPERM},
        {"clone of a PID namespace", SYS_clone, {CLONE_NEWPID | SIGCHLD}, EPERM},
        {"clone of a network namespace", SYS_clone, {CLONE_NEWNET | SIGCHLD}, EPERM},
        {"clone of an IPC namespace", SYS_clone, {CLONE_NEWIPC | SIGCHLD}, EPERM},
        {"clone of a UTS namespace", SYS_clone, {CLONE_NEWUTS | SIGCHLD}, EPERM},
    };

    check_calls(*state, make_call, calls, ARRAY_SIZE(calls));
}

/* The same calls with other arguments reach the kernel. */
static void test_neighbours_are_allowed(void **state)
{
    static const struct call calls[] = {
        {"own limits", SYS_prlimit64, {0}, 0},
        {"limits of nobody", SYS_prlimit64, {0x7ffffff0}, ESRCH},
        {"another ioctl", SYS_ioctl, {BAD, TIOCGWINSZ}, EBADF},
        {"TIOCSTI + 1", SYS_ioctl, {BAD, TIOCSTI + 1}, EBADF},
        {"AF_UNIX", SYS_socket, {AF_UNIX, SOCK_STREAM}, 0},
        {"AF_INET", SYS_socket, {AF_INET, SOCK_STREAM}, 0},
        {"a route socket", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}, 0},
        {"a socket for device events",
         SYS_socket,
         {AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT},
         0},
        {"a filter of a socket", SYS_setsockopt, {BAD, SOL_SOCKET, SO_ATTACH_FILTER}, EBADF},
        {"another option of a connection", SYS_setsockopt, {BAD, IPPROTO_TCP, TCP_NODELAY}, EBADF},
        /* before Linux 6.13 a bad descriptor is seen first */
        {"an attribute", SYS_fsetxattr, {0, 0, 0, 4096}, EFAULT},
        {"TCP by name",
         SYS_socket,
         {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | HIGH, IPPROTO_TCP | HIGH},
         0},
        {"UDP by name", SYS_socket, {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP}, 0},
        {"ping", SYS_socket, {AF_INET, SOCK_DGRAM | NO_FLAG, IPPROTO_ICMP}, EINVAL},
        {"ping of IPv6", SYS_socket, {AF_INET6, SOCK_DGRAM | NO_FLAG, IPPROTO_ICMPV6}, EINVAL},
        {"a raw socket", SYS_socket, {AF_INET, SOCK_RAW | NO_FLAG, 1}, EINVAL},
        {"another raw socket", SYS_socket, {AF_INET6, SOCK_RAW | NO_FLAG, 255}, EINVAL},
        {"a type that there is not", SYS_socket, {AF_INET, 11}, EINVAL},
        {"a pair of nothing", SYS_socketpair, {AF_INET, SOCK_STREAM | NO_FLAG, 0, BAD}, EINVAL},
        {"AF_INET6", SYS_socket, {AF_INET6, BAD}, EINVAL},
        {"a pair of AF_UNIX", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, BAD}, EFAULT},
        {"personality", SYS_personality, {0xffffffff}, 0},
        {"openat2", SYS_openat2, {BAD}, EINVAL},
        {"pidfd_open", SYS_pidfd_open, {BAD}, EINVAL},
        {"chroot", SYS_chroot, {0}, EFAULT},
        {"ptrace of nobody", SYS_ptrace, {BAD, BAD}, ESRCH},
        {"a call that does not exist", 999, {0}, ENOSYS},
    };

    const struct call lite = {"UDP-Lite",
                              SYS_socket,
                              {AF_INET, SOCK_DGRAM | NO_FLAG, IPPROTO_UDPLITE},
                              access("/proc/net/udplite", F_OK) == 0 ? EINVAL : EPROTONOSUPPORT};

    check_calls(*state, make_call, calls, ARRAY_SIZE(calls));
    check_calls(*state, make_call, &lite, 1);
}

static void *count_up(void *data)
{
    ++*(int *)data;
    return NULL;
}

/* Processes, threads, memory, files, signals: 0, or the number of what does not work. */
static int ordinary_life(const void *data)
{
    pthread_t thread;
    int p[2], count = 0, status;
    pid_t pid;
    void *m;

    (void)data;
    if (pipe2(p, O_CLOEXEC) < 0 || write(p[1], "x", 1) != 1)
        return 1;
    pid = fork();
    if (pid == 0)
        _exit(7);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 7)
        return 2;
    if (pthread_create(&thread, NULL, count_up, &count) != 0 || pthread_join(thread, NULL) != 0 ||
        count != 1)
        return 3;
    m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED || mprotect(m, 4096, PROT_READ | PROT_EXEC) < 0)
        return 4;
    if (open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0)
        return 5;
    if (signal(SIGUSR1, SIG_IGN) == SIG_ERR || raise(SIGUSR1) != 0)
        return 6;
    if (system("exit 3") >> 8 != 3) /* posix_spawn, exec, a shell */
        return 7;
    return memfd_create("x", MFD_CLOEXEC) < 0 ? 8 : 0;
}

static void test_ordinary_life(void **state)
{
    assert_int_equal(under_filter(*state, ordinary_life, NULL), 0);
}

/* ---- the other entries of an x86-64 kernel ---- */

#ifdef __x86_64__
/* A system call by the 32-bit entry: numbers and arguments are those of i386. */
static int make_call_i386(const void *data)
{
    const struct call *c = data;
    const unsigned long *a = c->arguments;
    long r;

    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(c->number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
                     : "r8", "r9", "r10", "r11", "memory");
    return (int)r < 0 ? -(int)r : 0;
}

/* socketcall(2) has its arguments in memory, which no filter sees. */
static int vsock_by_socketcall(const void *data)
{
    uint32_t *arguments =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    struct call c = {"socketcall", 102, {1 /* SYS_SOCKET */, 0}, 0};

    (void)data;
    if (arguments == MAP_FAILED)
        return NO_FILTER;
    arguments[0] = AF_VSOCK;
    arguments[1] = SOCK_STREAM;
    c.arguments[1] = (unsigned long)arguments;
    return make_call_i386(&c);
}

/* Whether this kernel has the 32-bit entry at all; asked without a filter, in a child that may die
 * of it. */
static bool has_i386(void)
{
    const struct call getpid_i386 = {"getpid", 20, {0}, 0};
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(make_call_i386(&getpid_i386));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_i386_entries(void **state)
{
    static const struct call calls[] = {
        {"getpid", 20, {0}, 0}, /* a 32-bit program runs */
        {"keyctl", 288, {0, BAD}, EPERM},
        {"clock_settime64", 404, {BAD, BAD}, EPERM},
        {"clock_adjtime64", 405, {BAD, BAD}, EPERM},
        {"add_key", 286, {0}, EPERM},
        {"unshare", 310, {0}, EPERM},
        {"setns", 346, {BAD}, EPERM},
        {"mount", 21, {0}, EPERM},
        {"umount", 22, {0}, EPERM},
        {"umount2", 52, {0}, EPERM},
        {"stime", 25, {0}, EPERM},
        {"bpf", 357, {BAD}, EPERM},
        {"userfaultfd", 374, {BAD}, EPERM},
        {"io_uring_setup", 425, {0}, EPERM},
        {"clone3", 435, {0}, ENOSYS},
        {"clone of a user namespace", 120, {CLONE_NEWUSER | SIGCHLD}, EPERM},
        {"TIOCSTI", 54, {BAD, TIOCSTI}, EPERM},
        {"another ioctl", 54, {BAD, TIOCGWINSZ}, EBADF},
        {"AF_VSOCK", 359, {AF_VSOCK, SOCK_STREAM}, EAFNOSUPPORT},
        {"AF_PACKET", 359, {AF_PACKET, BAD}, EAFNOSUPPORT},
        {"audit", 359, {AF_NETLINK, BAD, NETLINK_AUDIT}, EAFNOSUPPORT},
        {"netlink of users", 359, {AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK}, EAFNOSUPPORT},
        {"a route socket", 359, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}, 0},
        {"AF_UNIX", 359, {AF_UNIX, SOCK_STREAM}, 0},
        {"a pair of AF_TIPC", 360, {AF_TIPC, SOCK_STREAM}, EAFNOSUPPORT},
        {"SCTP", 359, {AF_INET, SOCK_STREAM | NO_FLAG, IPPROTO_SCTP}, EPROTONOSUPPORT},
        {"TCP", 359, {AF_INET, SOCK_STREAM, IPPROTO_TCP}, 0},
    };

    if (!has_i386()) {
        print_message("SKIPPED: this kernel has no 32-bit entry\n");
        skip();
    }
    check_calls(*state, make_call_i386, calls, ARRAY_SIZE(calls));
    assert_int_equal(under_filter(*state, vsock_by_socketcall, NULL), EAFNOSUPPORT);
}

/* x32 calls come by the 64-bit entry with a bit of their own: none is answered, whether the kernel
 * has them or not. */
static void test_x32_entries(void **state)
{
    static const struct call calls[] = {
        {"getpid", 0x40000000 | SYS_getpid, {0}, ENOSYS},
        {"execve", 0x40000000 | 520, {0}, ENOSYS},
        {"keyctl", 0x40000000 | SYS_keyctl, {0, BAD}, ENOSYS},
        {"unshare", 0x40000000 | SYS_unshare, {0}, ENOSYS},
        {"mount", 0x40000000 | SYS_mount, {0}, ENOSYS},
        {"io_uring_setup", 0x40000000 | SYS_io_uring_setup, {0}, ENOSYS},
        {"clone3", 0x40000000 | SYS_clone3, {0}, ENOSYS},
        {"TIOCSTI", 0x40000000 | 514, {BAD, TIOCSTI}, ENOSYS},
        {"AF_VSOCK", 0x40000000 | SYS_socket, {AF_VSOCK, SOCK_STREAM}, ENOSYS},
    };

    check_calls(*state, make_call, calls, ARRAY_SIZE(calls));
}
#endif

/* ---- newer calls, strict, allow and deny ---- */

static void test_newer_calls(void **state)
{
    static const struct call calls[] = {
        {"open_tree_attr", 467, {0}, ENOSYS},
        {"setxattrat", 463, {0}, ENOSYS},
        {"after the newest", 470, {0}, ENOSYS},
        {"far beyond", 0x3fffffff, {0}, ENOSYS},
    };

    check_calls(*state, make_call, calls, ARRAY_SIZE(calls));
}

static struct sandbox_filter *compile(const struct jobs_seccomp *what)
{
    struct sandbox_filter *filter;
    struct cupel_error err;

    if (sandbox_filter_compile(what, &filter, &err) < 0)
        fail_msg("%s", err.message);
    return filter;
}

static void test_strict(void **state)
{
    static const struct call calls[] = {
        {"getpid", SYS_getpid, {0}, 0},
        {"another ioctl", SYS_ioctl, {BAD, TIOCGWINSZ}, EBADF},
        {"AF_UNIX", SYS_socket, {AF_UNIX, SOCK_STREAM}, 0},
        /* not in the list */
        {"process_vm_readv", SYS_process_vm_readv, {0}, ENOSYS},
        {"seccomp", SYS_seccomp, {BAD}, ENOSYS},
        {"landlock_create_ruleset", SYS_landlock_create_ruleset, {0, 0, 1}, ENOSYS},
        {"chroot", SYS_chroot, {0}, ENOSYS},
        {"io_setup", SYS_io_setup, {0}, ENOSYS},
        {"kcmp of the default's", SYS_kcmp, {0}, EPERM},
        {"a call that does not exist", 999, {0}, ENOSYS},
        {"a filter by prctl", SYS_prctl, {PR_SET_SECCOMP | HIGH, SECCOMP_MODE_FILTER, BAD}, EPERM},
        {"a filter of a socket",
         SYS_setsockopt,
         {BAD, SOL_SOCKET | HIGH, SO_ATTACH_FILTER | HIGH},
         EPERM},
        {"a program of a socket",
         SYS_setsockopt,
         {BAD, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF},
         EPERM},
        {"another option of a socket", SYS_setsockopt, {BAD, SOL_SOCKET, SO_RCVBUF}, EBADF},
        {"a protocol's option by the same number",
         SYS_setsockopt,
         {BAD, IPPROTO_IP, SO_ATTACH_FILTER},
         EBADF},
        {"whether there is a filter", SYS_prctl, {PR_GET_SECCOMP}, 0},
        /* as with default */
        {"netlink of users", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK}, EAFNOSUPPORT},
        {"TIOCSTI with high bits", SYS_ioctl, {BAD, TIOCSTI | HIGH}, EPERM},
        {"AF_PACKET", SYS_socket, {AF_PACKET, BAD}, EAFNOSUPPORT},
        {"clone of a user namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}, EPERM},
        {"unshare", SYS_unshare, {0}, EPERM},
        {"io_uring_setup", SYS_io_uring_setup, {0}, EPERM},
        {"clone3", SYS_clone3, {0}, ENOSYS},
    };
    struct sandbox_filter *filter = compile(&(struct jobs_seccomp){.profile = JOBS_SECCOMP_STRICT});

    (void)state;
    check_calls(filter, make_call, calls, ARRAY_SIZE(calls));
    assert_int_equal(under_filter(filter, ordinary_life, NULL), 0);
#ifdef __x86_64__
    if (has_i386()) {
        const struct call i386 = {"getpid by the 32-bit entry", 20, {0}, ENOSYS};

        check_calls(filter, make_call_i386, &i386, 1);
    }
#endif
    sandbox_filter_free(filter);
}

/* A file's rules come after the refusals, and its kill is a kill. */
static void test_profile_of_a_file(void **state)
{
    static struct jobs_profile_rule rules[] = {
        {.name = "getppid", .action = SCMP_ACT_ERRNO(EXDEV)},
        {.name = "getppid", .action = SCMP_ACT_ERRNO(EPERM)}, /* contradicts the one before */
        {.name = "bpf", .action = SCMP_ACT_ALLOW},
        {.name = "getpgid", .action = SCMP_ACT_KILL_PROCESS},
        {.name = "personality",
         .action = SCMP_ACT_ERRNO(EDOM),
         .arguments = {{.index = 0, .op = SCMP_CMP_EQ, .value = 0xffffffff}},
         .n_arguments = 1},
    };
    static const struct jobs_profile profile = {
        .path = "x", .otherwise = SCMP_ACT_ALLOW, .rules = rules, .n_rules = ARRAY_SIZE(rules)};
    static const struct call calls[] = {
        {"getppid", SYS_getppid, {0}, EXDEV},
        {"bpf", SYS_bpf, {BAD}, EPERM},
        {"AF_PACKET", SYS_socket, {AF_PACKET, BAD}, EAFNOSUPPORT},
        {"getpgid", SYS_getpgid, {0}, -SIGSYS},
        {"personality, asked", SYS_personality, {0xffffffff}, EDOM},
        {"personality, other", SYS_personality, {0}, 0},
    };
    struct sandbox_filter *filter = compile(&(struct jobs_seccomp){.file = &profile});

    (void)state;
    check_calls(filter, make_call, calls, ARRAY_SIZE(calls));
    assert_int_equal(under_filter(filter, ordinary_life, NULL), 0);
    sandbox_filter_free(filter);
}

static void test_allow_and_deny(void **state)
{
    static const char *const allow[] = {"kcmp", "io_setup", "name_to_handle_at", "seccomp", NULL};
    static const char *const deny[] = {"getppid", "ioctl", "socket", "clone3", "kexec_load", NULL};
    static const struct call calls[] = {
        {"kcmp", SYS_kcmp, {BAD}, ESRCH},
        {"io_setup", SYS_io_setup, {BAD, 0}, EFAULT},
        {"name_to_handle_at", SYS_name_to_handle_at, {BAD}, EFAULT},
        {"a filter by prctl", SYS_prctl, {PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0}, EFAULT},
        {"getppid", SYS_getppid, {0}, EPERM},
        {"ioctl", SYS_ioctl, {BAD, TIOCGWINSZ}, EPERM},
        {"TIOCSTI", SYS_ioctl, {BAD, TIOCSTI}, EPERM},
        {"AF_UNIX", SYS_socket, {AF_UNIX, SOCK_STREAM}, EPERM},
        {"AF_PACKET", SYS_socket, {AF_PACKET, BAD}, EPERM},
        {"clone3", SYS_clone3, {0}, ENOSYS},
        {"unshare", SYS_unshare, {0}, EPERM},
        {"vmsplice", SYS_vmsplice, {BAD}, EPERM},
    };
    const enum jobs_seccomp_profile profiles[] = {JOBS_SECCOMP_DEFAULT, JOBS_SECCOMP_STRICT};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        struct sandbox_filter *filter =
            compile(&(struct jobs_seccomp){.profile = profiles[i], .allow = allow, .deny = deny});

        check_calls(filter, make_call, calls, ARRAY_SIZE(calls));
        sandbox_filter_free(filter);
    }
}

static void test_program_is_of_sane_size(void **state)
{
    struct sock_fprog program;

    assert_int_equal(filter_program(*state, &program, &(bool){false}), 0);
    assert_true(program.len > 50);
    assert_true(program.len < BPF_MAXINSNS);
    assert_non_null(program.filter);
    sandbox_filter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_is_of_sane_size),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_by_argument),
        cmocka_unit_test(test_neighbours_are_allowed),
        cmocka_unit_test(test_ordinary_life),
        cmocka_unit_test(test_newer_calls),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_profile_of_a_file),
        cmocka_unit_test(test_allow_and_deny),
#ifdef __x86_64__
        cmocka_unit_test(test_i386_entries),
        cmocka_unit_test(test_x32_entries),
#endif
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
