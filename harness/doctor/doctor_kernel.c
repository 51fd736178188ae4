/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_kernel: probes of rights, of single system calls, of seccomp and its architectures, of
 * keyrings and of what the kernel tells about pressure. */
#include "harness/doctor/doctor_private.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* ---- rights and version ---- */

/* Tells the kernel's version, for information: whether something works is said by the rows that try
 * it. */
void probe_kernel(const struct doctor_context *ctx, const struct doctor_probe *probe,
                  struct doctor_finding *f)
{
    unsigned major = 0, minor = 0;
    struct utsname u;

    (void)ctx;
    (void)probe;
    if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
        doctor_degraded(f, "the kernel does not tell its version");
    else if (major < 5 || (major == 5 && minor < 19))
        doctor_degraded(f, "%s %s %s", u.sysname, u.release, u.machine);
    else
        doctor_works(f, "%s %s %s", u.sysname, u.release, u.machine);
}

/* Lowered and raised again, which is what CAP_SYS_RESOURCE is for. */
void probe_hard_rlimits(const struct doctor_context *ctx, const struct doctor_probe *probe,
                        struct doctor_finding *f)
{
    const struct rlimit low = {0, 0}, higher = {1, 1};

    (void)ctx;
    (void)probe;
    if (setrlimit(RLIMIT_CORE, &low) < 0)
        doctor_missing(f, errno, "cannot lower an rlimit");
    else if (setrlimit(RLIMIT_CORE, &higher) < 0)
        doctor_missing(
            f, 0,
            "cannot raise a hard rlimit: no CAP_SYS_RESOURCE"); /* its remedy is the table's */
    else
        doctor_works(f, "hard limits may be raised");
}

void probe_session_keyring(const struct doctor_context *ctx, const struct doctor_probe *probe,
                           struct doctor_finding *f)
{
    (void)probe;
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
        doctor_works(f, "a process gets a session keyring of its own");
    else if (errno == ENOSYS) /* nothing to keep apart, so a run goes on */
        doctor_degraded(f, "this kernel has no keyrings");
    else if (errno == EPERM && !ctx->privilege.host) /* and jobs are under that filter as well */
        doctor_degraded(f, "a filter of the container refuses keyrings, to jobs too");
    else
        doctor_missing(f, errno, "cannot join a new session keyring");
}

/* ---- single system calls ---- */

void probe_close_range(const struct doctor_context *ctx, const struct doctor_probe *probe,
                       struct doctor_finding *f)
{
    int fd = open("/", O_PATH | O_CLOEXEC);

    (void)ctx;
    (void)probe;
    if (fd < 0 ||
        syscall(SYS_close_range, fd, fd, 0) < 0) /* only this one: the answer has to go out */
        doctor_missing(f, errno, "close_range failed");
    else if (fcntl(fd, F_GETFD) >= 0)
        doctor_missing(f, 0, "close_range left a descriptor open");
    else
        doctor_works(f, "%s", "");
}

/* Tries that ".." does not lead out of a directory. */
void probe_openat2(const struct doctor_context *ctx, const struct doctor_probe *probe,
                   struct doctor_finding *f)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    cleanup_close int dir = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), inside = -EBADF,
                      outside = -EBADF;

    (void)ctx;
    (void)probe;
    inside = (int)syscall(SYS_openat2, dir, "sys", &how, sizeof(how));
    if (inside < 0) {
        doctor_missing(f, errno, "openat2 failed");
        return;
    }
    outside = (int)syscall(SYS_openat2, dir, "../etc", &how, sizeof(how));
    if (outside >= 0 || errno != EXDEV)
        doctor_missing(f, 0, "openat2 lets '..' out of a directory");
    else
        doctor_works(f, "paths cannot leave a directory");
}

void probe_pidfd(const struct doctor_context *ctx, const struct doctor_probe *probe,
                 struct doctor_finding *f)
{
    cleanup_close int fd = -EBADF;
    struct pollfd p = {.events = POLLIN};
    siginfo_t info = {0};
    pid_t pid = _Fork();

    (void)ctx;
    (void)probe;
    if (pid == 0)
        for (;;)
            (void)pause(); /* the probe's process group is killed whatever happens */
    fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    p.fd = fd;
    if (fd < 0)
        doctor_missing(f, errno, "pidfd_open failed");
    else if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
        doctor_missing(f, errno, "pidfd_send_signal failed");
    else if (poll(&p, 1, -1) != 1)
        doctor_missing(f, errno, "a pidfd does not tell that its process ended");
    else if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED) < 0 || info.si_status != SIGKILL)
        doctor_missing(f, errno, "waitid does not take a pidfd");
    else
        doctor_works(f, "open, signal, poll, wait");
}

void probe_landlock(const struct doctor_context *ctx, const struct doctor_probe *probe,
                    struct doctor_finding *f)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    (void)ctx;
    (void)probe;
    if (abi >= 6)
        doctor_works(f, "ABI %ld: mounts, ioctls of devices, signals, abstract sockets", abi);
    else if (abi >= 2)
        doctor_degraded(f, "ABI %ld: mounts%s only", abi, abi >= 5 ? " and ioctls of devices" : "");
    else if (abi >= 0)
        doctor_missing(f, 0, "ABI %ld: files could not be moved between directories", abi);
    else
        doctor_missing(f, errno, "landlock_create_ruleset failed");
}

/* Reads the files of pressure, which may be there and refuse to be read: psi=0. */
void probe_pressure(const struct doctor_context *ctx, const struct doctor_probe *probe,
                    struct doctor_finding *f)
{
    static const char *const names[] = {"/proc/pressure/cpu", "/proc/pressure/memory",
                                        "/proc/pressure/io"};

    (void)ctx;
    (void)probe;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_close int fd = open(names[i], O_RDONLY | O_CLOEXEC);
        cleanup_free char *text = NULL;
        size_t len = 0;
        int r = fd < 0 ? -errno : file_read_fd(fd, 4096, &text, &len);

        if (r < 0 || len == 0) {
            doctor_missing(f, r < 0 ? r : ENODATA, "cannot read %s", names[i]);
            return;
        }
    }
    doctor_works(f, "/proc/pressure");
}

/* ---- seccomp ---- */

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#else
#error "the seccomp probe does not know this architecture"
#endif

#define REFUSED_WITH ENOTUNIQ /* what no kernel answers to getppid */

/* getppid of this architecture is refused, everything else is not. */
static int install_filter(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | REFUSED_WITH),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog fprog = {.len = ARRAY_SIZE(program), .filter = program};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &fprog) < 0)
        return -errno;
    return 0;
}

void probe_seccomp(const struct doctor_context *ctx, const struct doctor_probe *probe,
                   struct doctor_finding *f)
{
    int r = install_filter();

    (void)ctx;
    (void)probe;
    if (r < 0)
        doctor_missing(f, r, "cannot install a filter");
    else if (syscall(SYS_getppid) >= 0 || errno != REFUSED_WITH)
        doctor_missing(f, 0, "an installed filter refuses nothing");
    else
        doctor_works(f, "a filter refuses what it says");
}

#if defined(__x86_64__)
/* getpid through the 32-bit entry; a kernel without it answers with SIGSEGV. */
static int call_i386(void *data)
{
    long r;

    (void)data;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory", "cc");
    return r == getpid() ? 0 : -ENOSYS;
}

static int call_x32(void *data)
{
    (void)data;
    return syscall(0x40000000 | SYS_getpid) == getpid() ? 0 : -ENOSYS;
}
#else
static int call_i386(void *data)
{
    (void)data;
    return -ENOSYS;
}
#define call_x32 call_i386
#endif

static void try_entry(int (*call)(void *data), const char *what, struct doctor_finding *f)
{
    if (run_forked(call, NULL) == 0)
        doctor_works(f, "the kernel takes %s; the seccomp filter covers them", what);
    else
        doctor_missing(f, 0, "the kernel does not take %s", what);
}

void probe_i386(const struct doctor_context *ctx, const struct doctor_probe *probe,
                struct doctor_finding *f)
{
    (void)ctx;
    (void)probe;
    try_entry(call_i386, "i386 calls (int 0x80)", f);
}

void probe_x32(const struct doctor_context *ctx, const struct doctor_probe *probe,
               struct doctor_finding *f)
{
    (void)ctx;
    (void)probe;
    try_entry(call_x32, "x32 calls", f);
}
