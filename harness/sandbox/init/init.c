/* SPDX-License-Identifier: Apache-2.0 */
/* init: PID 1 of a job. Sets the sandbox up by the table below, read top to bottom; then runs the
 * job's steps one after the other, reaps whatever dies, and reports raw wait statuses. It judges
 * nothing and knows no deadline: the slot does.
 *
 * Runs in a copy of the slot's memory after clone3 without exec: no malloc, no stdio. It is not
 * dumpable, so that the job, even as root of its user namespace, can neither read nor trace it, and
 * /proc/1/exe leads nowhere (runc CVE-2019-5736). */
#include "harness/sandbox/init/init.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/borrow.h"
#include "harness/sandbox/init/command.h"
#include "harness/sandbox/init/explain_exec.h"
#include "harness/sandbox/init/home.h"
#include "harness/sandbox/init/hostname.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/init/late_words.h"
#include "harness/sandbox/init/leaks.h"
#include "harness/sandbox/init/masks.h"
#include "harness/sandbox/init/mounts.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/init/terminal.h"
#include "harness/sandbox/sandbox.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

void send_report(struct init_context *ctx, const struct init_report *report)
{
    /* nobody to tell means that the slot is gone, and with it, by PDEATHSIG, everything here */
    if (send(ctx->given.control, report, sizeof(*report), MSG_NOSIGNAL) != (ssize_t)sizeof(*report))
        _exit(INIT_EXIT_UNHEARD + (errno & 127));
}

/* ---- first steps ---- */

#ifdef __SANITIZE_ADDRESS__
#define LAST_STREAM STDOUT_FILENO /* the sanitizers have something to say */
#else
#define LAST_STREAM STDERR_FILENO
#endif
#define KEEP_MAX (2 * INPUTS_MAX + LAYERS_MAX + CGROUP_ENTER_FDS_MAX + SANDBOX_CGROUPS_MAX + 16)

static void keep(int *list, size_t *n, int fd)
{
    size_t at = *n;

    if (fd < 0 || *n == KEEP_MAX)
        return;
    for (; at > 0 && list[at - 1] > fd; at--)
        list[at] = list[at - 1];
    list[at] = fd;
    (*n)++;
}

/* This is a copy of the slot, with all its descriptors: its own end of the control socket, which
 * would hide its death from us, the run's lock, the store, directories of the host. Close-on-exec
 * does not help who never executes anything. */
int setup_descriptors(struct init_context *ctx)
{
    static int list[KEEP_MAX]; /* ascending; PID 1 has nobody to share it with */
    size_t n = 0;
    unsigned next = 0;

    /* the streams stay taken, by a pipe of the job's own, so that nothing that is opened later gets
     * their numbers */
    for (int fd = 0; fd <= (weakened("streams") ? STDOUT_FILENO : LAST_STREAM); fd++)
        if (dup2(ctx->given.stdout_fd, fd) < 0)
            return -errno;
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        keep(list, &n, fd);
    keep(list, &n, ctx->given.control);
    keep(list, &n, ctx->given.hold);
    keep(list, &n, ctx->given.dev_mount);
    keep(list, &n, ctx->shm_mount);
    keep(list, &n, ctx->given.stdin_fd);
    keep(list, &n, ctx->given.stdout_fd);
    keep(list, &n, ctx->given.stdout_file);
    keep(list, &n, ctx->given.stderr_fd);
    for (size_t i = 0; i < ctx->given.n_enter; i++)
        keep(list, &n, ctx->given.enter[i]);
    for (size_t i = 0; i < ctx->given.n_cgroups; i++)
        keep(list, &n, ctx->given.cgroups[i].dir);
    for (size_t i = 0; i < ctx->given.n_inputs; i++) {
        keep(list, &n, ctx->given.inputs[i].mount);
        keep(list, &n, ctx->given.inputs[i].file);
        for (size_t k = 0; k < ctx->given.inputs[i].n_more; k++)
            keep(list, &n, ctx->given.inputs[i].more[k]);
    }
    for (size_t i = 0; i < n; i++) {
        unsigned fd = (unsigned)list[i];

        if (fd > next && syscall(SYS_close_range, next, fd - 1, 0) < 0)
            return -errno;
        next = fd + 1;
    }
    return syscall(SYS_close_range, next, ~0u, 0) < 0 ? -errno : 0;
}

/* Waits for an order of the slot; anything else than GO is the end. */
static void wait_for_go(struct init_context *ctx)
{
    char order;
    ssize_t n;

    do
        n = recv(ctx->given.control, &order, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1 || order != INIT_ORDER_GO)
        _exit(INIT_EXIT_NO_ORDER);
}

/* Root of the user namespace. Any change of ids clears PDEATHSIG and sets the dumpable flag anew
 * (prctl(2)), so both come last. */
int identity_become_root(const struct init_context *ctx)
{
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || safe_drop_groups(ctx->given.privilege.ids) < 0 ||
        syscall(SYS_setresuid, 0, 0, 0) < 0)
        return -errno;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, weakened("dumpable")) < 0)
        return -errno;
    return 0;
}

/* Becomes root of the namespace once the id maps are there. */
static int setup_identity(struct init_context *ctx)
{
    char byte;
    int r;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    wait_for_go(ctx); /* end of file: the slot died before the line above */
    r = identity_become_root(ctx);
    if (r < 0)
        return r;
    /* the slot may have died while the signal was off: its end of the socket tells */
    if (recv(ctx->given.control, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        _exit(INIT_EXIT_NO_ORDER);
    return 0;
}

/* What would otherwise be inherited from whoever started cupel. */
int setup_session(struct init_context *ctx)
{
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGCHLD);
    (void)sigaddset(&blocked, SIGTERM);
    if (sigprocmask(SIG_SETMASK, &blocked, NULL) < 0)
        return -errno;
    if (weakened("session"))
        return 0;
    /* /proc/1/cmdline is readable by all, and would tell how cupel was started */
    if (ctx->given.arguments != NULL) {
        memset(ctx->given.arguments, 0, ctx->given.arguments_len);
        safe_copy(ctx->given.arguments, "cupel-init", ctx->given.arguments_len);
    }
    (void)prctl(PR_SET_NAME, "cupel-init");
    for (int sig = 1; sig < NSIG;
         sig++) /* SIGKILL, SIGSTOP and libc's own refuse, which is right */
        (void)signal(sig, SIG_DFL);
    (void)umask(022);
    if (setsid() < 0 && errno != EPERM) /* EPERM: already a leader */
        return -errno;
    /* whoever is not root cannot be nicer to themselves than they were started */
    if ((setpriority(PRIO_PROCESS, 0, 0) < 0 && ctx->given.privilege.host) ||
        personality(PER_LINUX) < 0)
        return -errno;
    /* an anonymous session keyring: the caller's keys stay out of reach. A container's filter may
     * refuse it: then that one, which jobs are under as well, keeps everybody from keys */
    if (!weakened("keyring") && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
        errno != ENOSYS && (ctx->given.privilege.host || errno != EPERM))
        return -errno;
    return 0;
}

static int setup_hostname(struct init_context *ctx)
{
    ctx->detail = ctx->given.job->hostname;
    return hostname_set(ctx->given.job->hostname);
}

/* A tmpfs is made smaller by who has mounted it, and padding would cost memory. */
static int ask_for_trim(struct init_context *ctx)
{
    const struct init_report report = {.kind = INIT_WANTS_TRIM};

    send_report(ctx, &report);
    wait_for_go(ctx);
    return 0;
}

/* Leaves the job exactly what its file says, where it says something: the upper file system has
 * room for any set-up, of which this one took its part. The rest is taken by files beside the job's
 * upper directory, which it cannot reach. */
static int trim_disk(struct init_context *ctx)
{
    const struct jobs_limits *l = &ctx->given.job->limits;
    cleanup_close int pad = -EBADF;
    struct statfs fs;

    if (!jobs_limit_is_set(l, JOBS_LIMIT_DISK) && !jobs_limit_is_set(l, JOBS_LIMIT_INODES))
        return 0;
    if (ctx->given.trims_by_slot)
        return ask_for_trim(ctx);
    pad = openat(ctx->job_dir, "blocks", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (pad < 0 || fstatfs(ctx->job_dir, &fs) < 0)
        return -errno;
    for (uint64_t i = l->value[JOBS_LIMIT_INODES];
         jobs_limit_is_set(l, JOBS_LIMIT_INODES) && i < fs.f_ffree; i++) {
        char name[24] = "i";

        safe_append_number(name, i, sizeof(name));
        if (mknodat(ctx->job_dir, name, S_IFREG, 0) < 0)
            return -errno;
    }
    if (fstatfs(ctx->job_dir, &fs) < 0)
        return -errno;
    if (jobs_limit_is_set(l, JOBS_LIMIT_DISK)) {
        uint64_t have = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize,
                 limit = l->value[JOBS_LIMIT_DISK];

        if (have > limit && fallocate(pad, 0, 0, (off_t)(have - limit)) < 0)
            return -errno;
    }
    return 0;
}

/* What set-up itself has taken of the disk is not the job's. */
static int setup_disk(struct init_context *ctx)
{
    struct statfs fs;
    int r = trim_disk(ctx);

    if (r < 0)
        return r;
    if (fstatfs(ctx->job_dir, &fs) < 0)
        return -errno;
    ctx->disk_bytes = (uint64_t)(fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
    ctx->disk_inodes = (uint64_t)(fs.f_files - fs.f_ffree);
    (void)close(ctx->job_dir);
    ctx->job_dir = -EBADF;
    return 0;
}

static const struct {
    enum setup_step step;
    setup_fn *run;
} setup_table[] = {
    {SETUP_DESCRIPTORS, setup_descriptors},       /* only what the steps below need */
    {SETUP_IDENTITY, setup_identity},             /* ids, death signal, not dumpable */
    {SETUP_SESSION, setup_session},               /* session, signals, umask, nice, keyring */
    {SETUP_HOSTNAME, setup_hostname},             /* UTS namespace */
    {SETUP_OVERLAY, setup_overlay},               /* the root: lower layers and the job's upper */
    {SETUP_INPUT_OVERLAYS, setup_input_overlays}, /* a copy-on-write view of each input */
    /* proc, sysfs, devpts, shm, mqueue, still detached */
    {SETUP_KERNEL_MOUNTS, setup_kernel_mounts},
    {SETUP_TIME, setup_time}, /* the commands' clocks, where they are to be other than the host's */
    /* what the host lends, where the slot cannot make the job's own */
    {SETUP_BORROW, setup_borrow},
    /* from here on the stage is gone and paths are the root's */
    {SETUP_PIVOT, setup_pivot},
    /* the host's directories, where they are lent */
    {SETUP_VIEWS, setup_views},
    {SETUP_DEV, setup_dev}, /* /dev with pts, shm, mqueue */
    {SETUP_PROC, setup_proc},
    {SETUP_PROC_MASKS, setup_proc_masks},
    {SETUP_SYS, setup_sys},
    /* by the root's passwd; directories that are missing are made for that one */
    {SETUP_USER, setup_user},
    {SETUP_ATTACH_INPUTS, setup_attach_inputs},
    {SETUP_SECRET_FILES, setup_secret_files}, /* /run/secrets */
    {SETUP_ETC, setup_etc},                   /* /etc/hosts and /tmp where the root has none */
    {SETUP_HOME, setup_home},
    {SETUP_WORKDIR, setup_workdir},
    {SETUP_LOOPBACK, setup_loopback},
    {SETUP_TERMINAL, setup_terminal}, /* where the job is to have one */
    {SETUP_DISK, setup_disk},         /* last of what writes: the rest is the job's */
};

static void set_up(struct init_context *ctx)
{
    for (size_t i = 0; i < ARRAY_SIZE(setup_table); i++) {
        struct init_report report = {.kind = SANDBOX_SETUP_FAILED, .step = setup_table[i].step};
        int r;

        ctx->detail = NULL;
        progress_to(ctx, setup_table[i].step);
        r = setup_table[i].run(ctx);
        if (r == 0 && ctx->given.fault == (int)setup_table[i].step) {
            r = -EIO;
            ctx->detail = "an injected fault";
        }
        if (r == 0)
            continue;
        report.errnum = -r;
        report.at_ns = clock_monotonic_ns();
        if (ctx->detail != NULL)
            safe_copy(report.detail, ctx->detail, sizeof(report.detail));
        send_report(ctx, &report);
        _exit(INIT_EXIT_TOLD);
    }
}

/* ---- the steps of the job ---- */

/* The command's next word, or false at the end of file. A report fits into a pipe's atomic write.
 */
static bool read_report(int fd, struct init_report *ret)
{
    struct init_report report;
    ssize_t n;

    do
        n = read(fd, &report, sizeof(report));
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(report))
        return false;
    *ret = report;
    return true;
}

/* Reports a command that has said nothing: it was killed, and where is in the memory that it
 * shared. */
_Noreturn static void died_early(struct init_context *ctx, pid_t pid)
{
    struct init_report report = {.kind = SANDBOX_SETUP_FAILED, .step = SETUP_EXEC, .errnum = EPIPE};
    int status;

    if (ctx->given.progress != NULL)
        report.step = atomic_load_explicit(&ctx->given.progress->at, memory_order_relaxed);
    /* before its first one, what is there is of the set-up of the job or of the step before */
    if (report.step < SETUP_CONTROLLING_TERMINAL || report.step >= SETUP_STEP_COUNT)
        report.step = SETUP_CONTROLLING_TERMINAL;
    if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status)) {
        safe_copy(report.detail, "a command that was killed by signal ", sizeof(report.detail));
        safe_append_number(report.detail, (uint64_t)WTERMSIG(status), sizeof(report.detail));
    }
    send_report(ctx, &report);
    _exit(INIT_EXIT_TOLD);
}

/* What `after` finds of its job's verdict. */
#define VERDICT_NAME "CUPEL_JOB_VERDICT="
#define AFTER_ENV_MAX                                                                              \
    4096 /* more than any job's environment has (LOAD_ENV_MAX), with an image's                    \
          */

struct command_arguments {
    struct init_context *ctx;
    unsigned index;
    int ends[2]; /* of the error pipe */
};

static int command_begin(void *data)
{
    const struct command_arguments *a = data;

    (void)close(a->ends[0]);
    time_offset_joined(a->ctx);
    command_main(a->ctx, a->index, a->ends[1]);
}

#ifdef __SANITIZE_ADDRESS__
#define LENDS_MEMORY false /* the sanitizers keep accounts of each thread's stack */
#else
#define LENDS_MEMORY true
#endif
#define COMMAND_STACK_SIZE ((size_t)256 << 10)

/* Forks the command: until its execve it runs in PID 1's own memory, on a stack beside, while PID 1
 * waits (vfork(2)). Copying that memory, and then each page of it that either writes to, was a
 * twentieth of what a job cost. Everything else of a process is the command's own: descriptors,
 * ids, limits, signals. So it writes to nothing that PID 1 reads later; and ids, of which the
 * kernel makes memory readable for the new one where fs.suid_dumpable is 1, are changed in a copy
 * there. Where the command is killed for memory, PID 1 is, too (__oom_kill_process(),
 * mm/oom_kill.c). Who waits for vfork(2) counts as load of the machine's in /proc/loadavg
 * (TASK_KILLABLE is a kind of TASK_UNINTERRUPTIBLE, include/linux/sched.h), and a held command may
 * keep it waiting for hours: PID 1 then waits by reading the command's pipe, which ends no earlier
 * than at its execve, and touches nothing that the command writes. */
static pid_t fork_command(struct command_arguments *arguments)
{
    static char stack[COMMAND_STACK_SIZE] __attribute__((aligned(16))); /* one at a time */
    bool is_held = arguments->ctx->given.hold >= 0 && arguments->index == 0;
    int waits = is_held ? 0 : CLONE_VFORK;
    pid_t pid;

    /* who shares memory stays in the time namespace that goes with it (copy_namespaces(),
     * kernel/nsproxy.c), and before Linux 6.3 could not even be forked */
    if (LENDS_MEMORY && arguments->ctx->given.lends_memory &&
        arguments->ctx->given.job->time_offset_ns == 0)
        return clone(command_begin, stack + sizeof(stack), CLONE_VM | waits | SIGCHLD, arguments);
    pid = _Fork();
    if (pid == 0)
        _exit(command_begin(arguments));
    return pid;
}

static uint64_t max_rss_of(int who)
{
    struct rusage u;

    return getrusage(who, &u) == 0 && u.ru_maxrss > 0 ? (uint64_t)u.ru_maxrss << 10 : 0;
}

/* Reports that no command can be started, for errno. */
_Noreturn static void fail_start(struct init_context *ctx, const char *what)
{
    struct init_report report = {.kind = SANDBOX_SETUP_FAILED, .step = SETUP_EXEC, .errnum = errno};

    safe_copy(report.detail, what, sizeof(report.detail));
    send_report(ctx, &report);
    _exit(INIT_EXIT_TOLD);
}

/* Starts step `index`; returns its pid once execve has happened, or reports and exits; -1: it could
 * not be executed, and the job may go on. The command says when it is about to execute; then its
 * pipe closes on exec, or brings what went wrong. */
static pid_t start_step(struct init_context *ctx, unsigned index)
{
    struct init_report report = {.kind = SANDBOX_SETUP_FAILED, .step = SETUP_EXEC}, failure;
    struct command_arguments arguments = {.ctx = ctx, .index = index};
    int *const ends = arguments.ends;
    bool started;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        fail_start(ctx, "pipe");
    pid = fork_command(&arguments);
    if (pid < 0)
        fail_start(ctx, "fork");
    (void)close(ends[1]);
    if (!read_report(ends[0], &report))
        died_early(ctx, pid);
    started = report.kind == SANDBOX_STEP_STARTED;
    if (!started || read_report(ends[0], &failure)) {
        const struct init_report *why = started ? &failure : &report;

        send_report(ctx, why);
        if (why->kind != SANDBOX_NOT_EXECUTED || !ctx->given.job->goes_on)
            _exit(INIT_EXIT_TOLD);
        (void)close(ends[0]);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return -1;
    }
    (void)close(ends[0]);
    report.disk_bytes = ctx->disk_bytes;
    report.disk_inodes = ctx->disk_inodes;
    report.uid = ctx->uid;
    report.gid = ctx->gid;
    report.max_rss = max_rss_of(RUSAGE_SELF);
    send_report(ctx, &report);
    return pid;
}

/* The signals that PID 1 waits for while a step runs. */
static void make_waited(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGCHLD);
    (void)sigaddset(set, SIGTERM);
}

/* Waits for a signal; or, for a job with `after`, for the order to end its commands: all at once,
 * so that nobody of them can fork away from it. */
static int wait_for_signal(const struct init_context *ctx, int signals, siginfo_t *info)
{
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                           {.fd = ctx->given.control, .events = POLLIN}};
    struct signalfd_siginfo read_info;
    sigset_t set;
    char order;

    if (signals < 0) {
        make_waited(&set);
        return sigwaitinfo(&set, info);
    }
    if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
        return 0;
    if (fds[1].revents != 0) {
        if (recv(ctx->given.control, &order, 1, 0) != 1 || order != INIT_ORDER_END)
            _exit(INIT_EXIT_NO_ORDER);
        (void)kill(-1, SIGKILL);
    }
    if (fds[0].revents == 0 ||
        read(signals, &read_info, sizeof(read_info)) != (ssize_t)sizeof(read_info))
        return 0;
    info->si_pid = (pid_t)read_info.ssi_pid;
    return (int)read_info.ssi_signo;
}

/* Where signals can be waited for beside orders; -1: they need not be. */
static int open_signals(const struct init_context *ctx)
{
    sigset_t set;
    int fd;

    if (ctx->given.job->after == NULL)
        return -1;
    make_waited(&set);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        _exit(INIT_EXIT_NO_SIGNALS);
    return fd;
}

/* Waits for the step's own process and reaps everything else. SIGTERM is passed on, but only from
 * outside: si_pid of a sender in another PID namespace is 0 (pid_namespaces(7)), so nobody in the
 * job can send it. */
static int wait_for_step(const struct init_context *ctx, pid_t command)
{
    int signals = open_signals(ctx);

    for (;;) {
        siginfo_t info;
        int status, result = 0, sig;
        bool ended = false;
        pid_t pid;

        while ((pid = waitpid(weakened("reap") ? command : -1, &status, WNOHANG)) > 0)
            if (pid == command) {
                ended = true;
                result = status;
            }
        if (ended) {
            if (signals >= 0)
                (void)close(signals);
            return result;
        }
        sig = wait_for_signal(ctx, signals, &info);
        if (sig == SIGTERM && (info.si_pid == 0 || weakened("init-signals")))
            (void)kill(-command, SIGTERM);
    }
}

static void report_leaks(struct init_context *ctx, unsigned step)
{
    static struct init_report list[SANDBOX_LEAKS_MAX]; /* PID 1 has nobody to share it with */
    int n = leaks_find(ctx, step, list);

    for (int i = 0; i < n; i++)
        send_report(ctx, &list[i]);
}

/* Nothing of a step outlives it: its daemons end with it. Returns whether nobody else is here any
 * more: who has entered the job from outside is killed too, and has another parent to wait for it.
 */
static bool end_leftovers(void)
{
    if (kill(-1, SIGKILL) < 0) /* ESRCH: nobody else is here */
        return true;
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
    return kill(-1, 0) < 0;
}

_Noreturn void init_session(struct init_context *ctx)
{
    struct init_report report = {.kind = SANDBOX_STEP_ENDED};

    report.status = wait_for_step(ctx, start_step(ctx, 0));
    report.at_ns = clock_monotonic_ns() - ctx->ahead_ns;
    send_report(ctx, &report);
    _exit(INIT_EXIT_DONE);
}

/* Returns the program of a step; with what it was given, as far as that came late. */
static const char *program_of(struct init_context *ctx, unsigned step)
{
    if (ctx->given.late == NULL)
        return command_step(ctx->given.job, step)->argv[0];
    ctx->given.env = ctx->given.late->env; /* whose PATH says where it is looked for */
    return ctx->given.late->argv[0];
}

/* Lets go of streams that no further step has: whoever is at their other end then sees when the
 * command itself has closed them. */
static void release_streams(struct init_context *ctx)
{
    for (int fd = 0; fd <= LAST_STREAM; fd++)
        (void)dup2(ctx->given.stderr_fd, fd);
    (void)close(ctx->given.stdin_fd);
    (void)close(ctx->given.stdout_fd);
    (void)close(ctx->given.stdout_file);
}

/* Tells `after` what became of the job, in an environment of its own. */
static void set_verdict(struct init_context *ctx, const char *verdict)
{
    static char entry[sizeof(VERDICT_NAME) + INIT_VERDICT_SIZE];
    static char *env[AFTER_ENV_MAX + 2]; /* PID 1 has nobody to share them with */
    size_t n = 0;

    for (; n < AFTER_ENV_MAX && ctx->given.env[n] != NULL; n++)
        env[n] = ctx->given.env[n];
    safe_copy(entry, VERDICT_NAME, sizeof(entry));
    safe_append(entry, verdict, sizeof(entry));
    env[n] = entry;
    ctx->given.env = env;
}

/* Forgets a SIGTERM for the commands of a step that had ended before it came: the next one's are
 * not meant. */
static void forget_signals(void)
{
    const struct timespec now = {0};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigtimedwait(&set, NULL, &now);
}

/* Waits for an order of the slot, and returns which step comes next; anything else is the end. */
static unsigned wait_for_step_order(struct init_context *ctx, unsigned step)
{
    struct init_order order = {0};
    ssize_t n;

    do /* an order to end may come when the command has ended by itself */
        n = recv(ctx->given.control, &order, sizeof(order), 0);
    while ((n < 0 && errno == EINTR) || (n == 1 && order.order == INIT_ORDER_END));
    forget_signals();
    if (n == 1 && order.order == INIT_ORDER_GO)
        return step + 1;
    if (n != (ssize_t)sizeof(order) || order.order != INIT_ORDER_STEP)
        _exit(INIT_EXIT_NO_ORDER);
    order.verdict[sizeof(order.verdict) - 1] = '\0';
    if (order.step == ctx->given.job->n_steps)
        set_verdict(ctx, order.verdict);
    return order.step;
}

/* Runs step `i` to its end and reports it. Returns whether the slot has a say in what comes next.
 */
static bool run_step(struct init_context *ctx, unsigned i, bool last)
{
    pid_t command = start_step(ctx, i);
    struct init_report report = {.kind = SANDBOX_STEP_ENDED, .step = i};

    if (command < 0)
        return true;
    if (last && ctx->given.stdio == SANDBOX_STDIO_PIPES)
        release_streams(ctx);
    report.status = wait_for_step(ctx, command);
    while (weakened("descendants") && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
        ;
    if (WIFSIGNALED(report.status) &&
        (WTERMSIG(report.status) == SIGSEGV || WTERMSIG(report.status) == SIGKILL))
        report.unmappable = explain_unmappable(ctx, program_of(ctx, i));
    if (weakened("raw-status") && WEXITSTATUS(report.status) > 128)
        report.status = WEXITSTATUS(report.status) - 128;
    report.at_ns = clock_monotonic_ns();
    report.max_rss = max_rss_of(RUSAGE_CHILDREN);
    progress_to(ctx, PROGRESS_LEFTOVERS);
    send_report(ctx, &report); /* at once: its own deadline is over */
    report_leaks(ctx, i);
    if (!end_leftovers() && last)
        return false;
    report = (struct init_report){
        .kind = SANDBOX_STEP_QUIET, .step = i, .max_rss = max_rss_of(RUSAGE_CHILDREN)};
    send_report(ctx, &report);
    return true;
}

_Noreturn void init_main(struct init_context *ctx)
{
    const struct jobs_job *job = ctx->given.job;
    unsigned n = (unsigned)job->n_steps + (job->after != NULL), i = 0;

    set_up(ctx);
    progress_note(ctx->given.progress, PROGRESS_INIT_DONE, 0);
    /* after the last one, to end: see attempt_take_down() */
    while (i < n && run_step(ctx, i, i + 1 == n))
        i = wait_for_step_order(ctx, i);
    _exit(INIT_EXIT_DONE); /* the kernel ends what is left of the job */
}
