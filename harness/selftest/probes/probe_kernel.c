/* SPDX-License-Identifier: Apache-2.0 */
/* probe_kernel: surface of the kernel that no job needs. A call that the wall lets through is made
 * with arguments that the kernel refuses for their own sake, so that "reached the kernel" can be
 * told from "refused" and nothing happens either way. Some calls ask for a capability before they
 * look: those are shown to fail by taking that wall away as well. */
#include "probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRONG 0xdead /* a flag or command that nothing has */

/* ---- calls ---- */

#define CALL(function, what, ...)                                                                  \
    static void function(void)                                                                     \
    {                                                                                              \
        judge_call(what, syscall(__VA_ARGS__));                                                    \
    }

/* a size that is too large is refused before rights are looked at */
CALL(bpf, "bpf", SYS_bpf, 0, NULL, 1 << 20)
CALL(io_uring, "io_uring_setup", SYS_io_uring_setup, 0, NULL)
CALL(keyctl, "keyctl", SYS_keyctl, WRONG, 0, 0, 0, 0)
CALL(add_key, "add_key", SYS_add_key, NULL, NULL, NULL, (size_t)0, 0)
CALL(request_key, "request_key", SYS_request_key, NULL, NULL, NULL, 0)
CALL(userfaultfd, "userfaultfd", SYS_userfaultfd, WRONG)
CALL(perf_event, "perf_event_open", SYS_perf_event_open, NULL, 0, -1, -1, ~0UL)
CALL(kexec, "kexec_load", SYS_kexec_load, 0UL, 1UL << 20, NULL, (unsigned long)WRONG)
CALL(reboot_call, "reboot", SYS_reboot, WRONG, WRONG, WRONG, NULL)
CALL(clock_set, "clock_settime", SYS_clock_settime, 0, NULL)
CALL(clock_adjust, "adjtimex", SYS_adjtimex, NULL)
CALL(set_time, "settimeofday", SYS_settimeofday, (void *)1, NULL)
CALL(swap, "swapon", SYS_swapon, "/nonexistent", ~0)
CALL(accounting, "acct", SYS_acct, "/nonexistent/file")
CALL(quota, "quotactl", SYS_quotactl, -1, NULL, 0, NULL)
CALL(fanotify, "fanotify_init", SYS_fanotify_init, 0x200 /* FAN_REPORT_FID: anybody may */, ~0U)
CALL(kernel_log, "syslog", SYS_syslog, 99, NULL, 0)

static void modules(void)
{
    if (!probe_refused(syscall(SYS_init_module, NULL, 0UL, "")))
        breach("init_module reached the kernel: %s", strerror(errno));
    if (!probe_refused(syscall(SYS_delete_module, NULL, 0)))
        breach("delete_module reached the kernel: %s", strerror(errno));
    judge_call("finit_module", syscall(SYS_finit_module, -1, "", WRONG));
}

static void io_ports(void)
{
#ifdef SYS_iopl
    if (!probe_refused(syscall(SYS_iopl, 99)))
        breach("iopl reached the kernel: %s", strerror(errno));
    judge_call("ioperm", syscall(SYS_ioperm, ~0UL, 1UL, 1));
#else
    untested("this processor has no such call");
#endif
}

/* ---- sockets ---- */

static void socket_of(const char *what, int family, int type, int protocol)
{
    int fd = socket(family, type, protocol);

    if (fd >= 0)
        breach("a socket of %s", what);
    if (!probe_refused(-1))
        breach("socket(%s) reached the kernel: %s", what, strerror(errno));
    contained("socket(%s): %s", what, strerror(errno));
}

#define NO_FLAG 0x100 /* of a type of socket: likewise */
#define NO_TYPE 15    /* of socket: the kernel says EINVAL before it looks for the family */

/* A family is refused with what a kernel without it answers, so it takes a wrong type to tell who
 * answered. */
static void family_of(const char *what, int family, int type, int protocol)
{
    if (socket(family, NO_TYPE, protocol) >= 0 || errno != EAFNOSUPPORT)
        breach("socket(%s) reached the kernel: %s", what, strerror(errno));
    if (socket(family, type, protocol) >= 0)
        breach("a socket of %s", what);
    contained("socket(%s): %s", what, strerror(errno));
}

static void vsock(void)
{
    family_of("vsock", AF_VSOCK, SOCK_STREAM, 0);
}

static void packet(void)
{
    family_of("packet", AF_PACKET, SOCK_RAW, 0);
}

static void audit(void)
{
    family_of("netlink audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
}

/* 64 KiB of access list for each file that is in memory. Any value is too large before the kernel
 * looks at it. */
static void large_attributes(void)
{
    static char value[60000];
    int fd = memfd_create("attributes", MFD_CLOEXEC);

    if (fd < 0)
        untested("memfd_create: %s", strerror(errno));
    if (syscall(SYS_fsetxattr, fd, "system.posix_acl_access", value, sizeof(value), 0) == 0 ||
        errno != E2BIG)
        breach("fsetxattr of %zu bytes reached the kernel: %s", sizeof(value), strerror(errno));
    contained("fsetxattr of %zu bytes: %s", sizeof(value), strerror(errno));
}

/* Tries to get a socket of multipath TCP, whose queues are in no list of sockets. */
static void multipath(void)
{
    if (socket(AF_INET, SOCK_STREAM | NO_FLAG, IPPROTO_MPTCP) >= 0 || errno != EPROTONOSUPPORT)
        breach("socket(multipath TCP) reached the kernel: %s", strerror(errno));
    contained("socket(multipath TCP): %s", strerror(errno));
}

/* What the kernel does not find it has the host's modprobe look for: nothing of all this may get so
 * far. A wrong flag and a wrong descriptor tell who answered, and keep a kernel that is asked in
 * earnest from doing it. */
static void module_sockets(void)
{
    static const struct {
        const char *what;
        int family, type, protocol;
    } sockets[] = {
        {"SCTP", AF_INET, SOCK_STREAM, IPPROTO_SCTP},
        {"SCTP", AF_INET6, SOCK_SEQPACKET, IPPROTO_SCTP},
        {"DCCP", AF_INET, SOCK_DCCP, IPPROTO_DCCP},
        {"L2TP", AF_INET6, SOCK_DGRAM, 115},
        {"no such protocol", AF_INET, SOCK_STREAM, 99},
        {"packets", AF_INET, SOCK_PACKET, 0},
        {"RDS", AF_RDS, SOCK_SEQPACKET, 0},
        {"TIPC", AF_TIPC, SOCK_RDM, 0},
        {"Bluetooth", AF_BLUETOOTH, SOCK_RAW, 0},
        {"CAN", AF_CAN, SOCK_RAW, 1},
        {"XDP", AF_XDP, SOCK_RAW, 0},
        {"a family above all", 63, SOCK_STREAM, 0},
    };
    int pair[2];

    for (size_t i = 0; i < sizeof(sockets) / sizeof(*sockets); i++) {
        int type = sockets[i].type | NO_FLAG;

        if (socket(sockets[i].family, type, sockets[i].protocol) >= 0 || errno == EINVAL)
            breach("socket(%s) reached the kernel: %s", sockets[i].what, strerror(errno));
        if (socketpair(sockets[i].family, type, sockets[i].protocol, pair) == 0 || errno == EINVAL)
            breach("socketpair(%s) reached the kernel: %s", sockets[i].what, strerror(errno));
    }
    contained("none of %zu kinds of sockets: %s", sizeof(sockets) / sizeof(*sockets),
              strerror(errno));
}

static void module_ioctls(void)
{
    static const struct {
        const char *what;
        unsigned long request;
    } ioctls[] = {{"line discipline", TIOCSETD}, {"VLAN", SIOCGIFVLAN}, {"bridge", SIOCGIFBR}};

    for (size_t i = 0; i < sizeof(ioctls) / sizeof(*ioctls); i++)
        if (ioctl(-1, ioctls[i].request, NULL) == 0 || errno != EPERM)
            breach("ioctl(%s) reached the kernel: %s", ioctls[i].what, strerror(errno));
    contained("ioctl for a line discipline, VLANs, bridges: %s", strerror(errno));
}

static void netlink_users(void)
{
    family_of("netlink of users", AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
}

static void crypto_api(void)
{
    family_of("the crypto API", AF_ALG, SOCK_SEQPACKET, 0);
}

static void raw_ip(void)
{
    socket_of("raw IP", AF_INET, SOCK_RAW, 255);
}

/* ---- other entries of the kernel ---- */

#ifdef __x86_64__
#define I386_KEYCTL 288

static void i386_keyctl(void)
{
    long r;

    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(I386_KEYCTL), "b"(WRONG), "c"(0), "d"(0), "S"(0), "D"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    _exit(r == -EPERM || r == -EACCES || r == -ENOSYS ? PROBE_CONTAINED : PROBE_BREACH);
}

static void i386_entry(void)
{
    int code = probe_in_child(i386_keyctl);

    if (code == PROBE_BREACH)
        breach("keyctl by the i386 entry (int 0x80) reached the kernel");
    contained(code == 0 ? "keyctl by int 0x80 is refused" : "int 0x80 ends the process");
}

#define X32_BIT 0x40000000L
#define X32_NONE 1

static void x32_keyctl(void)
{
    (void)syscall(X32_BIT | SYS_keyctl, WRONG, 0, 0, 0, 0);
    _exit(errno == ENOSYS ? X32_NONE : probe_refused(-1) ? PROBE_CONTAINED : PROBE_BREACH);
}

/* ENOSYS is the answer of our filter and that of a kernel without these calls. */
static void x32_entry(void)
{
    int code = probe_in_child(x32_keyctl);

    if (code == PROBE_BREACH)
        breach("keyctl by the x32 entry reached the kernel");
    if (code == X32_NONE)
        contained("keyctl by the x32 entry: %s", strerror(ENOSYS));
    contained(code == 0 ? "keyctl by the x32 entry is refused" : "the x32 entry ends the process");
}
#else
static void i386_entry(void)
{
    untested("this processor has no i386 entry");
}

static void x32_entry(void)
{
    untested("this processor has no x32 entry");
}
#endif

/* ---- terminals ---- */

/* The descriptor is none, so EBADF means that the kernel was reached. */
static void ioctl_of(const char *what, unsigned long request)
{
    long r = syscall(SYS_ioctl, -1, request, NULL);

    judge_call(what, r);
}

static void tiocsti(void)
{
    ioctl_of("TIOCSTI", TIOCSTI);
}

/* The kernel looks at the low 32 bits only (CVE-2019-10063). */
static void tiocsti_high_bits(void)
{
    ioctl_of("TIOCSTI with high bits set", TIOCSTI | 0xdead000000000000UL);
}

static void tioclinux(void)
{
    ioctl_of("TIOCLINUX", TIOCLINUX | 0x100000000UL);
}

/* ---- files of the kernel ---- */

static void sysrq(void)
{
    expect_unopenable("/proc/sysrq-trigger", O_WRONLY);
    contained("/proc/sysrq-trigger: %s", strerror(errno));
}

static void kmsg(void)
{
    expect_unopenable("/dev/kmsg", O_RDONLY);
    expect_unopenable("/dev/kmsg", O_WRONLY);
    expect_unopenable("/proc/kmsg", O_RDONLY);
    contained("/proc/kmsg: %s", strerror(errno));
}

static void proc_sys(void)
{
    static const char *const files[] = {
        "kernel/core_pattern", "kernel/modprobe", "kernel/hostname", "kernel/sem",
        "kernel/shmmax",       "vm/swappiness",   "fs/file-max",     "net/ipv4/ip_forward"};
    char path[128];

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "/proc/sys/%s", files[i]);
        expect_unopenable(path, O_WRONLY);
    }
    contained("/proc/sys cannot be written to");
}

static void proc_irq(void)
{
    expect_unopenable("/proc/irq/default_smp_affinity", O_WRONLY);
    expect_unopenable("/proc/mtrr", O_WRONLY);
    contained("/proc/irq: %s", strerror(errno));
}

static void proc_hidden(void)
{
    static const char *const files[] = {"kcore",      "keys",        "timer_list",
                                        "interrupts", "sched_debug", "latency_stats"};
    char path[64], byte[2];

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "/proc/%s", files[i]);
        if (slurp(path, byte, sizeof(byte)) > 0)
            breach("%s can be read", path);
    }
    contained("nothing to be read from what /proc tells of the machine");
}

static void sys_write(void)
{
    static const char *const files[] = {"/sys/kernel/mm/transparent_hugepage/enabled",
                                        "/sys/kernel/uevent_helper",
                                        "/sys/power/state",
                                        "/sys/kernel/profiling",
                                        "/sys/module/printk/parameters/time",
                                        "/sys/kernel/mm/ksm/run"};

    if (access("/sys/kernel", F_OK) < 0)
        contained("there is no /sys");
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        expect_unopenable(files[i], O_WRONLY);
    contained("nothing below /sys can be opened for writing");
}

static void cgroup_files(void)
{
    static const char *const files[] = {
        "release_agent", "cgroup.procs",   "notify_on_release", "memory/cgroup.procs",
        "memory/tasks",  "cgroup.threads", "memory.max",        "memory/memory.limit_in_bytes",
        "pids/pids.max", "pids.max"};
    char path[128];

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", files[i]);
        expect_unopenable(path, O_WRONLY);
    }
    if (mkdir("/sys/fs/cgroup/selftest", 0700) == 0)
        breach("a cgroup of one's own can be made");
    contained("no cgroup file can be written to");
}

/* ---- devices ---- */

static void device_nodes(void)
{
    static const char *const known[] = {".",       "..",   "null",   "zero",   "full",   "random",
                                        "urandom", "tty",  "fd",     "pts",    "stdin",  "stdout",
                                        "shm",     "ptmx", "stderr", "mqueue", "console"};
    DIR *dir = opendir("/dev");
    struct dirent *e;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        bool found = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
            found |= strcmp(e->d_name, known[i]) == 0;
        if (!found)
            breach("/dev/%s is there", e->d_name);
    }
    contained("/dev has only what is harmless");
}

static void mknod_device(void)
{
    static const struct {
        const char *path;
        mode_t type;
        unsigned major, minor;
    } nodes[] = {{"/tmp/disk", S_IFBLK, 8, 0},
                 {"/tmp/mem", S_IFCHR, 1, 1},
                 {"/dev/shm/kmsg", S_IFCHR, 1, 11},
                 {"/dev/port", S_IFCHR, 1, 4}};

    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
        if (mknod(nodes[i].path, nodes[i].type | 0600, makedev(nodes[i].major, nodes[i].minor)) ==
            0) {
            (void)unlink(nodes[i].path);
            breach("%s can be made", nodes[i].path);
        }
    contained("mknod: %s", strerror(errno));
}

static void immutable(void)
{
    int fd = open("/tmp/immutable", O_RDWR | O_CREAT | O_CLOEXEC, 0600), flags = FS_IMMUTABLE_FL,
        none = 0;

    if (fd < 0)
        untested("/tmp/immutable: %s", strerror(errno));
    if (ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0) {
        (void)ioctl(fd, FS_IOC_SETFLAGS, &none);
        breach("a file can be made immutable: nobody could remove it");
    }
    contained("the immutable flag: %s", strerror(errno));
}

const struct probe kernel_probes[] = {
    {"bpf", bpf},
    {"io-uring", io_uring},
    {"keyctl", keyctl},
    {"add-key", add_key},
    {"request-key", request_key},
    {"userfaultfd", userfaultfd},
    {"perf-event", perf_event},
    {"kexec", kexec},
    {"modules", modules},
    {"reboot", reboot_call},
    {"clock-set", clock_set},
    {"clock-adjust", clock_adjust},
    {"set-time", set_time},
    {"swap", swap},
    {"accounting", accounting},
    {"quota", quota},
    {"fanotify", fanotify},
    {"kernel-log", kernel_log},
    {"io-ports", io_ports},
    {"vsock", vsock},
    {"packet-socket", packet},
    {"audit-socket", audit},
    {"netlink-users", netlink_users},
    {"multipath-socket", multipath},
    {"module-sockets", module_sockets},
    {"module-ioctls", module_ioctls},
    {"large-attributes", large_attributes},
    {"crypto-socket", crypto_api},
    {"raw-socket", raw_ip},
    {"i386-entry", i386_entry},
    {"x32-entry", x32_entry},
    {"tiocsti", tiocsti},
    {"tiocsti-high-bits", tiocsti_high_bits},
    {"tioclinux", tioclinux},
    {"sysrq", sysrq},
    {"kmsg", kmsg},
    {"proc-sys", proc_sys},
    {"proc-irq", proc_irq},
    {"proc-hidden", proc_hidden},
    {"sys-write", sys_write},
    {"cgroup-files", cgroup_files},
    {"device-nodes", device_nodes},
    {"mknod-device", mknod_device},
    {"immutable", immutable},
    {0},
};
