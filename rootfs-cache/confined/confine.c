/* SPDX-License-Identifier: Apache-2.0 */
/* confine: see confine.h. Two kinds of walls, one for work on a tree and one for work on
 * descriptors alone. Not responsible for what is done behind them.
 *
 *             tree                                      descriptors
 *   root      the tree (chroot; with privilege)         the same, and no call that takes a path
 *   caps      those for writing files                   none
 *   calls     refused: what unpacking never needs       refused: all but a few
 *   memory    1 GiB                                     256 MiB more than at its start
 *   CPU       (what it writes is bounded)               one minute; long work: an hour
 *   files     any                                       none, or as large as is said; long work: 64
 *                                                       GiB
 *
 * A refused call fails with EPERM and does not kill: libraries then do without (jansson seeds its
 * tables from the clock). */
#include "rootfs-cache/confined/confine.h"

#include "rootfs-cache/confined/hash.h"

#include <fcntl.h>
#include <jansson.h>
#include <locale.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* A decompressor's dictionary can ask for any amount of memory; this is more than any usual one
 * does (xz -9: 65 MiB, zstd
 * --ultra: 128 MiB) and less than what would hurt a small machine. */
#define TREE_MEMORY ((rlim_t)1 << 30)
#define READER_SECONDS 60
#define READER_LONG_SECONDS 3600
#define READER_LONG_BYTES ((rlim_t)64 << 30)
#define READER_MEMORY ((rlim_t)256 << 20)

/* AddressSanitizer reserves terabytes of address space, and makes calls of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED false
#endif

/* What writing (and reading) any tree takes, and nothing else: no mounts, no devices, no tracing,
 * no way out of the chroot (open_by_handle_at, which CAP_DAC_READ_SEARCH would allow, is refused
 * below). */
static const cap_value_t tree_caps[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
                                        CAP_FOWNER, CAP_FSETID,       CAP_SETFCAP};

static int drop_capabilities(const cap_value_t *kept, size_t n)
{
    cap_t caps = cap_init();
    int r = 0;

    if (caps == NULL)
        return -errno;
    if ((n > 0 && (cap_set_flag(caps, CAP_PERMITTED, (int)n, kept, CAP_SET) < 0 ||
                   cap_set_flag(caps, CAP_EFFECTIVE, (int)n, kept, CAP_SET) < 0)) ||
        cap_set_proc(caps) < 0)
        r = -errno;
    (void)cap_free(caps);
    return r;
}

/* ---- system calls ---- */

// clang-format off
/* Never needed for work on a tree: other processes, other programs, the network, and what has a
 * history of holes. */
static const char *const tree_refused[] = {
    "open_by_handle_at", "name_to_handle_at", "execve", "execveat", "fork", "vfork", "ptrace",
    "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_open", "pidfd_getfd",
    "pidfd_send_signal", "kill", "tkill", "kcmp", "socket", "connect", "bind", "listen", "accept",
    "accept4", "mount", "umount2", "umount", "pivot_root", "chroot", "move_mount", "open_tree",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "unshare", "setns", "bpf",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "perf_event_open",
    "keyctl", "add_key", "request_key", "personality", "modify_ldt", "init_module", "finit_module",
    "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "quotactl",
    "quotactl_fd", "acct", "syslog", "sethostname", "setdomainname", "settimeofday",
    "clock_settime", "adjtimex", "clock_adjtime", "iopl", "ioperm", "shmget", "msgget", "semget",
    "mq_open", "memfd_secret", "vmsplice", "fanotify_init", "lookup_dcookie", "nfsservctl",
    "uselib", "ustat", "sysfs", "vhangup",
};

/* All that computing on descriptors takes. newfstatat is what newer libraries make of fstat(3): a
 * path tells no more than that there is such a file. */
static const char *const reader_allowed[] = {
    "read", "readv", "pread64", "lseek", "_llseek", "fstat", "fstat64", "newfstatat", "close",
    "sendmsg", "recvmsg", "brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise",
    "futex", "futex_time64", "exit", "exit_group", "rt_sigreturn", "sigreturn", "rt_sigprocmask",
    "uname", "sched_yield", "getpid", "gettid", "getrandom", "clock_gettime", "clock_gettime64",
    "gettimeofday", "restart_syscall",
};
// clang-format on

/* Names that this architecture does not have are those of another one, or newer than the library.
 */
static int add_calls(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);

        if (number != __NR_SCMP_ERROR)
            r = seccomp_rule_add(filter, action, number, 0);
    }
    return r;
}

/* A thread is fine, a process is not. clone3 hides its flags behind a pointer: libc then takes
 * clone. */
static int refuse_processes(scmp_filter_ctx filter)
{
    struct scmp_arg_cmp no_thread = {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0};
    int r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &no_thread);

    return r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* Writing to the few that child.c leaves open, by the low 32 bits, which are all that the kernel
 * looks at: nothing of the terminal. */
static int allow_by_argument(scmp_filter_ctx filter)
{
    int r = 0;

    for (unsigned fd = SANITIZED ? 2 : 3; r == 0 && fd < 8; fd++) {
        struct scmp_arg_cmp is = {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, fd};

        r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, &is);
    }
    if (r == 0 && SANITIZED)
        r = add_calls(filter, SCMP_ACT_ALLOW, (const char *const[]){"sigaltstack", "prlimit64"}, 2);
    return r;
}

/* Other architectures' entries (i386, x32) are killed: libseccomp's own rule. */
static int filter_calls(bool reader)
{
    scmp_filter_ctx filter = seccomp_init(reader ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW);
    int r;

    if (filter == NULL)
        return -ENOMEM;
    if (reader) {
        r = add_calls(filter, SCMP_ACT_ALLOW, reader_allowed, ARRAY_SIZE(reader_allowed));
        r = r == 0 ? allow_by_argument(filter) : r;
    } else {
        r = add_calls(filter, SCMP_ACT_ERRNO(EPERM), tree_refused, ARRAY_SIZE(tree_refused));
        r = r == 0 ? refuse_processes(filter) : r;
    }
    r = r == 0 ? seccomp_load(filter) : r;
    seccomp_release(filter);
    return r;
}

/* ---- limits ---- */

/* `beyond`: from there on it is killed for sure, where the limit itself is a signal. */
static int limit(__rlimit_resource_t what, rlim_t most, rlim_t beyond)
{
    struct rlimit now, wanted = {most, most + beyond};

    if (getrlimit(what, &now) < 0)
        return -errno;
    if (now.rlim_max < wanted.rlim_max) /* bounded already, and not for raising */
        wanted.rlim_max = now.rlim_max;
    if (wanted.rlim_max < wanted.rlim_cur)
        wanted.rlim_cur = wanted.rlim_max;
    return setrlimit(what, &wanted) < 0 ? -errno : 0;
}

/* Returns how much address space this process has by now: it is a copy of one that may hold a long
 * job list. */
static rlim_t memory_so_far(void)
{
    cleanup_free char *text = NULL;
    size_t length;

    if (file_read_at(AT_FDCWD, "/proc/self/statm", 256, &text, &length) < 0)
        return 0;
    return (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

uint64_t confine_memory(enum confine_kind kind)
{
    return kind == CONFINE_DESCRIPTORS ? READER_MEMORY : TREE_MEMORY;
}

unsigned confine_seconds(enum confine_kind kind, unsigned seconds)
{
    return seconds != 0 ? seconds : kind == CONFINE_LONG ? READER_LONG_SECONDS : READER_SECONDS;
}

static int limit_reader(enum confine_kind kind, const struct confine_bounds *bounds)
{
    int r = limit(RLIMIT_CPU, confine_seconds(kind, bounds->seconds), 5);

    return r < 0 ? r
                 : limit(RLIMIT_FSIZE,
                         kind == CONFINE_LONG ? READER_LONG_BYTES : (rlim_t)bounds->file, 0);
}

/* ---- all of it ---- */

/* What libraries open when they are first used, they open while they can. */
static int warm_up(enum confine_kind kind)
{
    char hex[CACHE_KEY_LEN + 1];

    /* names in pax headers are UTF-8; with the C locale libarchive could not hand them on */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL && setlocale(LC_CTYPE, "") == NULL)
        return -ENOENT;
    if (kind == CONFINE_TREE)
        return 0;
    json_object_seed(0);
    return hash_bytes("", 0, hex);
}

int confine_begin(enum confine_kind kind, int place, pid_t parent,
                  const struct confine_bounds *bounds)
{
    int r;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    if (getppid() != parent) /* died before the line above */
        return -ESRCH;
    /* for directories that an archive only implies; its own modes are set exactly */
    (void)umask(022);
    r = warm_up(kind);
    if (r == 0)
        r = limit(RLIMIT_CORE, 0, 0);
    if (r == 0 && !SANITIZED)
        r = limit(RLIMIT_AS, memory_so_far() + confine_memory(kind), 0);
    if (r == 0 && kind != CONFINE_TREE)
        r = limit_reader(kind, bounds);
    if (r < 0)
        return r;
    return fchdir(place) < 0 || (geteuid() == 0 && chroot(".") < 0) ? -errno : 0;
}

int confine_finish(enum confine_kind kind)
{
    int r = kind == CONFINE_TREE && geteuid() != 0 ? 0
            : kind == CONFINE_TREE ? drop_capabilities(tree_caps, ARRAY_SIZE(tree_caps))
                                   : drop_capabilities(NULL, 0);

    if (r < 0)
        return r;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : filter_calls(kind != CONFINE_TREE);
}
