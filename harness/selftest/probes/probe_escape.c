/* SPDX-License-Identifier: Apache-2.0 */
/* probe_escape: ways out of the root, the namespaces and into PID 1, each one that worked somewhere
 * once. */
#include "probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- out of the root ---- */

/* Whether "." is another directory than the job's root. */
static bool is_elsewhere(const struct stat *root)
{
    struct stat here;

    return stat(".", &here) == 0 && (here.st_dev != root->st_dev || here.st_ino != root->st_ino);
}

/* A root below the working directory, then up: `..` stops at the root only for who is below it. */
static void chroot_classic(void)
{
    struct stat root;

    if (stat("/", &root) < 0)
        untested("stat /");
    (void)mkdir("/tmp/jail", 0700);
    if (chroot("/tmp/jail") < 0)
        contained("chroot: %s", strerror(errno));
    for (int i = 0; i < 64 && chdir("..") == 0; i++)
        continue;
    if (is_elsewhere(&root))
        breach("the classic way out of a chroot leads out of the job's root");
    contained("the classic way out of a chroot leads to the job's own root");
}

static void cwd_outside(void)
{
    char cwd[4096];
    struct stat root;

    if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0)
        breach("the working directory has no path: %s", strerror(errno));
    if (cwd[0] != '/')
        breach("the working directory is outside of the root: %s", cwd);
    if (stat("/", &root) < 0)
        untested("stat /");
    for (int i = 0; i < 64 && chdir("..") == 0; i++)
        continue;
    if (is_elsewhere(&root))
        breach("the way up from the working directory leads past the root");
    contained("%s", cwd);
}

static void pivot(void)
{
    (void)mkdir("/tmp/new", 0700);
    judge_call("pivot_root", syscall(SYS_pivot_root, "/tmp/new", "/tmp/new"));
}

static void open_by_handle(void)
{
    struct {
        struct file_handle handle;
        unsigned char bytes[128];
    } h = {.handle.handle_bytes = 8, .handle.handle_type = 1};

    /* the root inode of an ext file system: what the shocker exploit of 2014 opened */
    h.bytes[0] = 2;
    judge_call("open_by_handle_at",
               syscall(SYS_open_by_handle_at, AT_FDCWD, &h, O_RDONLY | O_PATH));
}

/* ---- mounts ---- */

static void mount_tmpfs(void)
{
    judge_call("mount of a tmpfs", mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
}

static void mount_by_fd(void)
{
    long r = syscall(SYS_fsopen, "tmpfs", 0);

    if (!probe_refused(r))
        judge_call("fsopen", r);
    r = syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
    if (!probe_refused(r))
        judge_call("open_tree", r);
    r = syscall(SYS_move_mount, -1, "", -1, "", 0);
    if (!probe_refused(r))
        judge_call("move_mount", r);
    judge_call("mount_setattr", syscall(SYS_mount_setattr, -1, "", 0, NULL, (size_t)0));
}

static void mount_proc(void)
{
    judge_call("mount of a proc without masks", mount("proc", "/tmp", "proc", 0, NULL));
}

/* release_agent, CVE-2022-0492 */
static void mount_cgroup(void)
{
    (void)mkdir("/tmp/cg", 0700);
    if (mount("cgroup2", "/tmp/cg", "cgroup2", 0, NULL) == 0)
        breach("a cgroup file system of one's own");
    judge_call("mount of a cgroup file system",
               mount("cgroup", "/tmp/cg", "cgroup", 0, "none,name=selftest"));
}

static void unmask(void)
{
    static const char *const masks[] = {"/proc/kcore",      "/proc/keys",       "/proc/sys",
                                        "/proc/timer_list", "/proc/interrupts", "/sys"};

    for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
        if (umount2(masks[i], MNT_DETACH) == 0)
            breach("%s can be unmounted", masks[i]);
        if (!probe_refused(-1))
            breach("umount of %s reached the kernel: %s", masks[i], strerror(errno));
    }
    contained("umount: %s", strerror(EPERM));
}

static void remount(void)
{
    judge_call("remount of /proc/sys to be written to",
               mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
}

static void device_over_null(void)
{
    (void)mkdir("/tmp/over", 0700);
    judge_call("bind mount over /dev", mount("/tmp/over", "/dev", NULL, MS_BIND, NULL));
}

/* ---- namespaces ---- */

static void setns_init(void)
{
    static const char *const names[] = {"user", "mnt", "pid", "net", "ipc", "cgroup", "uts"};
    char path[64];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        int fd;

        snprintf(path, sizeof(path), "/proc/1/ns/%s", names[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            breach("%s of PID 1 can be opened%s", path, setns(fd, 0) == 0 ? " and joined" : "");
    }
    judge_call("setns", setns(-1, 0));
}

static void user_namespace(void)
{
    if (!probe_refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL)))
        breach("clone gives a new user namespace, and with it every capability");
    judge_call("unshare of a user namespace", unshare(CLONE_NEWUSER));
}

static void user_namespace_clone3(void)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long r = syscall(SYS_clone3, &args, sizeof(args));

    if (r == 0)
        _exit(0);
    judge_call("clone3 with a new user namespace", r);
}

static void other_namespaces(void)
{
    static const int flags[] = {CLONE_NEWNS,  CLONE_NEWPID, CLONE_NEWNET,
                                CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};

    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        if (!probe_refused(unshare(flags[i])))
            breach("unshare(%#x) is let through", (unsigned)flags[i]);
    contained("unshare: %s", strerror(EPERM));
}

/* ---- PID 1 ---- */

static void init_root(void)
{
    char target[256];

    if (readlink("/proc/1/root", target, sizeof(target)) >= 0 ||
        readlink("/proc/1/cwd", target, sizeof(target)) >= 0)
        breach("/proc/1/root and /proc/1/cwd can be followed");
    expect_unopenable("/proc/1/root/", O_RDONLY);
    contained("/proc/1/root: %s", strerror(errno));
}

static void init_mem(void)
{
    expect_unopenable("/proc/1/mem", O_RDWR);
    expect_unopenable("/proc/1/mem", O_RDONLY);
    expect_unopenable("/proc/1/auxv", O_RDONLY);
    contained("/proc/1/mem: %s", strerror(errno));
}

static void init_environ(void)
{
    char buf[4096];

    if (slurp("/proc/1/environ", buf, sizeof(buf)) >= 0)
        breach("/proc/1/environ can be read");
    contained("/proc/1/environ: %s", strerror(errno));
}

static void init_fds(void)
{
    DIR *dir = opendir("/proc/1/fd");

    if (dir != NULL)
        breach("the descriptors of PID 1 can be listed");
    if (!probe_refused(syscall(SYS_pidfd_getfd, -1, 0, ~0U)))
        breach("pidfd_getfd reached the kernel: %s", strerror(errno));
    contained("/proc/1/fd: %s", strerror(EACCES));
}

static void init_exe(void)
{
    char target[256];
    ssize_t n = readlink("/proc/1/exe", target, sizeof(target) - 1);

    if (n >= 0) {
        target[n] = '\0';
        breach("/proc/1/exe leads to %s", target);
    }
    expect_unopenable("/proc/1/exe", O_RDONLY);
    expect_unopenable("/proc/1/map_files", O_RDONLY | O_DIRECTORY);
    contained("/proc/1/exe: %s", strerror(errno));
}

/* How the harness was started is its caller's business: paths, names of other jobs. */
static void init_cmdline(void)
{
    char buf[4096];
    ssize_t n = slurp("/proc/1/cmdline", buf, sizeof(buf));

    for (ssize_t i = 0; i < n; i++)
        if (buf[i] == '\0')
            buf[i] = ' ';
    if (n > 0 && strstr(buf, "selftest") != NULL)
        breach("/proc/1/cmdline tells how cupel was started: %s", buf);
    contained("/proc/1/cmdline: %s", n > 0 ? buf : "nothing");
}

static void init_ptrace(void)
{
    if (ptrace(PTRACE_SEIZE, 1, NULL, NULL) == 0)
        breach("PID 1 can be traced");
    contained("PTRACE_SEIZE of PID 1: %s", strerror(errno));
}

static void init_vm(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)0x400000, 1};
    ssize_t n = process_vm_readv(1, &here, 1, &there, 1, 0);

    if (n >= 0 || errno == EFAULT)
        breach("process_vm_readv reaches the memory of PID 1");
    contained("process_vm_readv: %s", strerror(errno));
}

/* Asks only: whoever may ask may also set, and a limit of no CPU time ends a process. */
static void init_limits(void)
{
    struct rlimit limit;

    if (prlimit(1, RLIMIT_CPU, NULL, &limit) == 0)
        breach("the resource limits of PID 1 can be got at");
    contained("prlimit of PID 1: %s", strerror(errno));
}

static volatile sig_atomic_t terminated;
static void on_term(int sig)
{
    (void)sig;
    terminated = 1;
}

/* PID 1 passes the harness's SIGTERM on, nobody else's; and nothing else ends it. */
static void init_signals(void)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGSTOP, SIGHUP,
                                  SIGINT,  SIGUSR1, SIGSEGV, SIGTSTP};
    char stat[512], *state;

    signal(SIGTERM, on_term);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        (void)kill(1, signals[i]);
    nap_ms(50);
    if (terminated)
        breach("PID 1 passes on a SIGTERM that came from inside");
    if (access("/proc/1/stat", F_OK) < 0 &&
        (kill(1, 0) == 0 || errno == EPERM)) /* a stopped one would not tell our end */
        contained("signals to PID 1 end nothing");
    state = slurp("/proc/1/stat", stat, sizeof(stat)) > 0 ? strrchr(stat, ')') : NULL;
    if (state == NULL || state[2] == 'T' || state[2] == 't' || state[2] == 'Z')
        breach("PID 1 obeys a signal of the job");
    contained("PID 1 is deaf to the job's signals");
}

/* ---- what was left open ---- */

static void leaked_descriptors(void)
{
    for (int fd = 3; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            char path[64], target[256];
            ssize_t n;

            snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
            n = readlink(path, target, sizeof(target) - 1);
            target[n > 0 ? n : 0] = '\0';
            breach("descriptor %d is open: %s", fd, target);
        }
    contained("nothing above 2");
}

/* Standard input and output are the job's own: not a terminal or file of the caller. */
static void streams(void)
{
    struct stat st;

    if (fstat(0, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        breach("standard input is not /dev/null");
    for (int fd = 1; fd <= 2; fd++)
        if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
            breach("descriptor %d is no pipe", fd);
    if (write(0, "x", 1) >= 0)
        breach("standard input can be written to");
    contained("/dev/null and two pipes");
}

const struct probe escape_probes[] = {
    {"chroot-classic", chroot_classic},
    {"cwd-outside", cwd_outside},
    {"pivot-root", pivot},
    {"open-by-handle", open_by_handle},
    {"mount-tmpfs", mount_tmpfs},
    {"mount-by-fd", mount_by_fd},
    {"mount-proc", mount_proc},
    {"mount-cgroup", mount_cgroup},
    {"mount-over-dev", device_over_null},
    {"unmask", unmask},
    {"remount", remount},
    {"setns-init", setns_init},
    {"user-namespace", user_namespace},
    {"user-namespace-clone3", user_namespace_clone3},
    {"other-namespaces", other_namespaces},
    {"init-root", init_root},
    {"init-mem", init_mem},
    {"init-environ", init_environ},
    {"init-fds", init_fds},
    {"init-exe", init_exe},
    {"init-cmdline", init_cmdline},
    {"init-ptrace", init_ptrace},
    {"init-vm", init_vm},
    {"init-limits", init_limits},
    {"init-signals", init_signals},
    {"leaked-descriptors", leaked_descriptors},
    {"streams", streams},
    {0},
};
