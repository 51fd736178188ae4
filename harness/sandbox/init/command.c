/* SPDX-License-Identifier: Apache-2.0 */
/* command: from fork to exec of one step: standard streams, resource limits, cgroup, credentials,
 * capabilities, seccomp. The order is the point: each line needs a right that a later one gives up.
 * Runs between clone and exec: no malloc, no stdio; in memory that may be PID 1's own, so that what
 * lies there is only read (init.c). */
#include "harness/sandbox/init/command.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/explain_exec.h"
#include "harness/sandbox/init/init.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/init/landlock.h"
#include "harness/sandbox/init/late_words.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/init/terminal.h"
#include "harness/sandbox/sandbox.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Where the error pipe is while everything else is closed, and what is needed for longer after it;
 * close-on-exec. */
#define REPORT_FD 3

struct command {
    struct init_context *ctx;
    const struct jobs_step *step;
    unsigned index;
    int report_fd;
    int workdir;
    int hold; /* where GO comes from, or -EBADF */
    bool workdir_lost;
    char *const *argv;
    char *const *env;
};
typedef int command_fn(struct command *c);

/* ---- streams, limits, cgroup ---- */

/* The command leads its session already. Never the caller's terminal: that one no process of the
 * job has ever had open. */
static int command_controlling_terminal(struct command *c)
{
    return c->ctx->terminal >= 0 && ioctl(c->ctx->terminal, TIOCSCTTY, 0) < 0 ? -errno : 0;
}

/* Steps share the open streams, and with them what an earlier one has set: O_NONBLOCK would make
 * the next one lose output. */
static int fresh_flags(const struct init_context *ctx)
{
    const int fds[] = {ctx->given.stdin_fd, ctx->given.stdout_fd, ctx->given.stderr_fd};

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0 && fcntl(fds[i], F_SETFL, 0) < 0)
            return -errno;
    /* and what is in the file is in the log by now */
    if (ctx->given.stdout_file >= 0 && (fcntl(ctx->given.stdout_file, F_SETFL, O_APPEND) < 0 ||
                                        ftruncate(ctx->given.stdout_file, 0) < 0))
        return -errno;
    return 0;
}

static int command_stdio(struct command *c)
{
    struct init_context *ctx = c->ctx;
    bool has_input = ctx->given.stdin_fd >= 0 && c->index < ctx->given.job->n_steps;
    int in = has_input ? ctx->given.stdin_fd : -EBADF;
    int out = ctx->given.stdout_fd, err = ctx->given.stderr_fd;

    if (ctx->terminal >= 0 && c->index > 0 && terminal_renew(ctx) < 0)
        return -errno;
    if (ctx->given.stdio == SANDBOX_STDIO_TERMINAL)
        return dup2(ctx->terminal, 0) < 0 || dup2(ctx->terminal, 1) < 0 ||
                       dup2(ctx->terminal, 2) < 0
                   ? -errno
                   : 0;

    if (in < 0)
        in = weakened("step-stdin")
                 ? openat(ctx->given.dev_mount, "null", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
                 : ctx->null_fd;
    if (in < 0)
        return -errno;
    if (c->index > 0 && fresh_flags(ctx) < 0)
        return -errno;
    /* each step reads its input from the start */
    if (has_input && ctx->given.stdio != SANDBOX_STDIO_PIPES && lseek(in, 0, SEEK_SET) < 0)
        return -errno;
    if (ctx->given.stdout_file >= 0 && c->index < ctx->given.job->n_steps)
        out = ctx->given.stdout_file;
    if (ctx->terminal >= 0)
        out = err = ctx->terminal;
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || (!weakened("streams") && dup2(err, 2) < 0))
        return -errno;
    return 0;
}

/* What a job finds where its file says nothing: documented, not inherited (docs/job-file.md, "What
 * a job finds").
 */
static const struct {
    __rlimit_resource_t resource;
    enum jobs_limit limit; /* JOBS_LIMIT_COUNT: no key */
    rlim_t soft, hard;
} resource_table[] = {
    {RLIMIT_CORE, JOBS_LIMIT_CORE, 0, 0},
    {RLIMIT_NOFILE, JOBS_LIMIT_OPEN_FILES, 1024, 4096},
    {RLIMIT_STACK, JOBS_LIMIT_STACK, JOB_STACK, RLIM_INFINITY},
    {RLIMIT_FSIZE, JOBS_LIMIT_FILE_SIZE, RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_NPROC, JOBS_LIMIT_PROCESSES, RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_CPU, JOBS_LIMIT_COUNT, RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_AS, JOBS_LIMIT_ADDRESS_SPACE, RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_DATA, JOBS_LIMIT_COUNT, RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_RSS, JOBS_LIMIT_COUNT, RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_LOCKS, JOBS_LIMIT_COUNT, RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_MEMLOCK, JOBS_LIMIT_COUNT, JOB_MEMLOCK, JOB_MEMLOCK},
    {RLIMIT_MSGQUEUE, JOBS_LIMIT_COUNT, JOB_MSGQUEUE, JOB_MSGQUEUE},
    {RLIMIT_SIGPENDING, JOBS_LIMIT_COUNT, JOB_SIGPENDING, JOB_SIGPENDING},
    {RLIMIT_NICE, JOBS_LIMIT_COUNT, 0, 0},
    {RLIMIT_RTPRIO, JOBS_LIMIT_COUNT, 0, 0},
};

static rlim_t lower_of(rlim_t a, rlim_t b)
{
    return a < b ? a : b;
}

/* A documented value may be above what the host lets anyone have (a hard limit that not even root
 * may raise, in a container); then it is the host's. What the job file itself asks for is had
 * exactly, or the job does not start. */
static int set_resource(size_t i, const struct jobs_limits *of_step,
                        const struct jobs_limits *of_job)
{
    enum jobs_limit key = resource_table[i].limit;
    struct rlimit limit, inherited;

    if (getrlimit(resource_table[i].resource, &inherited) < 0)
        return -errno;
    limit.rlim_cur = lower_of(resource_table[i].soft, inherited.rlim_max);
    limit.rlim_max = lower_of(resource_table[i].hard, inherited.rlim_max);
    if (key != JOBS_LIMIT_COUNT && jobs_limit_is_set(of_step, key))
        limit.rlim_cur = limit.rlim_max = of_step->value[key];
    else if (key != JOBS_LIMIT_COUNT && jobs_limit_is_set(of_job, key))
        limit.rlim_cur = limit.rlim_max = of_job->value[key];
    /* a core_pattern that is a pipe ignores 0 and hands the job's memory to a program of the host;
       1 stops both (do_coredump(), fs/coredump.c) */
    if (resource_table[i].resource == RLIMIT_CORE && limit.rlim_max == 0 && inherited.rlim_max > 0)
        limit.rlim_cur = limit.rlim_max = 1;
    return setrlimit(resource_table[i].resource, &limit) < 0 ? -errno : 0;
}

/* Whether this one comes with GO: another job's may be higher, and a hard limit that was lowered
 * stays so. Not RLIMIT_NPROC, which the kernel looks at as the ids change. */
static bool comes_late(const struct command *c, size_t i)
{
    return c->hold >= 0 && c->ctx->given.late != NULL &&
           resource_table[i].limit != JOBS_LIMIT_COUNT &&
           resource_table[i].limit != JOBS_LIMIT_PROCESSES;
}

static int command_resource_limits(struct command *c)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(resource_table); i++)
        if (!weakened("resource-limits") && !comes_late(c, i))
            r = set_resource(i, &c->step->limits, &c->ctx->given.job->limits);
    return r;
}

/* Sets those that were left for GO, while it still counts as held. */
static int late_resource_limits(struct command *c)
{
    const struct jobs_limits *limits = &c->ctx->given.late->limits;
    int r = fault_wanted("late-resource-limits") ? -EIO : 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(resource_table); i++)
        if (!weakened("resource-limits") && comes_late(c, i))
            r = set_resource(i, limits, limits);
    return r;
}

/* Enters the payload's control groups: from here on everything is on the job's account. */
static int command_payload(struct command *c)
{
    for (size_t i = 0; i < c->ctx->given.n_enter; i++)
        if (write(c->ctx->given.enter[i], "0", 1) != 1)
            return -errno;
    return 0;
}

/* Makes the payload the root of the cgroup namespace: /proc/self/cgroup says "/" and nothing of the
 * host. */
static int command_cgroup_namespace(struct command *c)
{
    (void)c;
    if (weakened("cgroup-namespace"))
        return 0;
    return unshare(CLONE_NEWCGROUP) < 0 ? -errno : 0;
}

/* The first step has the directory that was opened, and perhaps made, at set-up. What is there in
 * its place later is looked up anew, as `cd` would, but within the root, and never waiting for
 * anything: it may be gone, or something else. */
static int command_workdir(struct command *c)
{
    struct init_context *ctx = c->ctx;

    c->workdir = ctx->workdir;
    if (c->index == 0 || weakened("workdir"))
        return 0;
    c->workdir = file_open_in_root(ctx->root, ctx->given.job->workdir, O_PATH | O_DIRECTORY, 0);
    return c->workdir < 0 ? c->workdir : 0;
}

static int command_landlock(struct command *c)
{
    return landlock_restrict(c->ctx);
}

/* Everything but the streams, the error pipe and where GO comes from, before chdir and exec (runc
 * CVE-2024-21626, CVE-2016-9962). */
static int command_close_fds(struct command *c)
{
    int *const fds[] = {&c->report_fd, &c->workdir, &c->hold};
    size_t n = c->hold >= 0 ? ARRAY_SIZE(fds) : ARRAY_SIZE(fds) - 1;

    for (size_t i = 0; i < n; i++) { /* out of each other's way at first */
        *fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 64);
        if (*fds[i] < 0)
            return -errno;
    }
    for (size_t i = 0; i < n; i++) {
        *fds[i] = dup3(*fds[i], REPORT_FD + (int)i, O_CLOEXEC);
        if (*fds[i] < 0)
            return -errno;
    }
    if (weakened("close-fds"))
        return fcntl(c->ctx->root, F_SETFD, 0);
    return syscall(SYS_close_range, REPORT_FD + n, ~0u, 0) < 0 ? -errno : 0;
}

/* ---- privilege ---- */

/* What a root in its own user namespace keeps: enough to install packages and change owners; no
 * mount, network set-up, tracing or device right. A job of another user has none. */
#define CAP_BIT(c) (UINT64_C(1) << (c))
#define BUILD_SET                                                                                  \
    (CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) |  \
     CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETPCAP) |        \
     CAP_BIT(CAP_NET_BIND_SERVICE) | CAP_BIT(CAP_SYS_CHROOT) | CAP_BIT(CAP_SETFCAP))

static uint64_t kept_capabilities(const struct command *c)
{
    const struct jobs_capabilities *asked = &c->ctx->given.job->capabilities;

    if (asked->given)
        return asked->set;
    return c->ctx->uid == 0 ? BUILD_SET : 0;
}

/* Where root is nobody special: a command without capabilities, or another user's with some, which
 * come by the ambient set then. NO_SETUID_FIXUP keeps them over the change of ids. */
static int forget_root(uint64_t keep)
{
    unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                         SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED;

    if (keep == 0)
        bits |= SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    return prctl(PR_SET_SECUREBITS, bits) < 0 ? -errno : 0;
}

static int command_bounding_set(struct command *c)
{
    uint64_t keep = kept_capabilities(c);
    if (weakened("capabilities"))
        return 0;

    for (unsigned cap = 0; cap < 64; cap++) {
        if (keep & CAP_BIT(cap))
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            if (errno == EINVAL)
                break; /* past the last one that this kernel knows */
            return -errno;
        }
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    return keep == 0 || c->ctx->uid != 0 ? forget_root(keep) : 0;
}

/* Raw calls: libc's wrappers would look for other threads of the slot. */
static int command_ids(struct command *c)
{
    const struct sandbox_user *user = c->ctx->given.user;
    bool is_user = user != NULL && user->uid == c->ctx->uid;

    if (safe_take_groups(c->ctx->given.privilege.ids, is_user ? user->groups : NULL,
                         is_user ? user->n_groups : 0) < 0 ||
        syscall(SYS_setresgid, c->ctx->gid, c->ctx->gid, c->ctx->gid) < 0 ||
        syscall(SYS_setresuid, c->ctx->uid, c->ctx->uid, c->ctx->uid) < 0)
        return -errno;
    /* which that has set anew, for PID 1's memory too */
    return prctl(PR_SET_DUMPABLE, weakened("dumpable")) < 0 ? -errno : 0;
}

static int command_capabilities(struct command *c)
{
    uint64_t keep = kept_capabilities(c);
    /* empty for root: runc CVE-2022-29162; what is in the ambient set has to be in this one */
    uint64_t inheritable = c->ctx->uid != 0 ? keep : 0;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)keep,
         .permitted = (uint32_t)keep,
         .inheritable = (uint32_t)inheritable},
        {.effective = (uint32_t)(keep >> 32),
         .permitted = (uint32_t)(keep >> 32),
         .inheritable = (uint32_t)(inheritable >> 32)},
    };

    if (weakened("capabilities"))
        return 0;
    if (syscall(SYS_capset, &header, data) < 0)
        return -errno;
    for (unsigned cap = 0; cap < 64; cap++)
        if ((inheritable & CAP_BIT(cap)) != 0 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return -errno;
    return 0;
}

static int command_no_new_privs(struct command *c)
{
    (void)c;
    if (weakened("no-new-privs"))
        return 0;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Enters the working directory as the user itself, so that one that the user may not enter is
 * refused now. The kernel prefixes "(unreachable)" to a working directory outside of the root. */
static int command_chdir(struct command *c)
{
    char cwd[4096];

    if (fchdir(c->workdir) < 0 && c->ctx->given.kept[0] != '\0' && chdir("/") == 0)
        c->workdir_lost = true;
    else if (fchdir(c->workdir) < 0)
        return -errno;
    (void)close(c->workdir);
    if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0)
        return -errno;
    return cwd[0] == '/' || weakened("workdir") ? 0 : -EXDEV;
}

/* Last, since it refuses much of what came before. SPEC_ALLOW: a filter of ours is no reason to
 * slow the job down. */
static int command_seccomp(struct command *c)
{
    if (weakened("seccomp"))
        return 0;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                   &c->ctx->given.filter) < 0
               ? -errno
               : 0;
}

/* ---- failing ---- */

_Noreturn static void fail(struct command *c, enum sandbox_event_kind kind, enum setup_step step,
                           unsigned index, int r, const char *detail)
{
    struct init_report report = {
        .kind = kind, .step = kind == SANDBOX_SETUP_FAILED ? (uint32_t)step : index, .errnum = -r};

    if (detail != NULL)
        safe_copy(report.detail, detail, sizeof(report.detail));
    /* a write that fails leaves PID 1 with an early end of file: it reports the step's end with
     * this exit code */
    if (write(c->report_fd, &report, sizeof(report)) < 0)
        _exit(125);
    _exit(126);
}

/* ---- held ---- */

/* Takes the words that came with GO. What PID 1 writes of the environment lies in this process. */
static void take_late(struct command *c)
{
    const struct setup_late *late = c->ctx->given.late;
    char *const own[LATE_OWN] = {c->ctx->home_entry, c->ctx->user_entry, c->ctx->logname_entry};
    uint32_t n = late->n_env;

    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        if ((late->own >> i) & 1u)
            late->env[n++] = own[i];
    late->env[n] = NULL;
    c->argv = late->argv;
    c->env = late->env;
}

/* Says that everything is done but the exec, and waits for GO, which is one byte: an end of file
 * means that the slot is gone, or does not want this job any more. A job's own filter may refuse to
 * read; then it is what is left to do after GO. */
static void await_go(struct command *c)
{
    char byte = 'r';
    ssize_t n;

    if (c->hold < 0)
        return;
    if (write(c->hold, &byte, 1) != 1)
        _exit(125);
    do
        n = read(c->hold, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(125);
    if (c->ctx->given.late != NULL) {
        int r = late_resource_limits(c);

        if (r < 0)
            fail(c, SANDBOX_SETUP_FAILED, SETUP_RESOURCE_LIMITS, c->index, r, NULL);
        take_late(c);
    }
    c->hold = -EBADF;
}

/* ---- exec ---- */

static const char *env_get(char *const *env, const char *name_and_equals)
{
    for (; *env != NULL; env++)
        if (strncmp(*env, name_and_equals, strlen(name_and_equals)) == 0)
            return *env + strlen(name_and_equals);
    return NULL;
}

/* execvpe as POSIX has it, but without memory and without running a file that is no program through
 * a shell. What there is to say of a failure beyond its number goes into `why`. */
static int execute(struct command *c, char *why, size_t size)
{
    char *const *argv = c->argv;
    const char *path = env_get(c->env, "PATH=");
    int result = -ENOENT, r;

    if (strchr(argv[0], '/') != NULL || argv[0][0] == '\0') {
        (void)execve(argv[0], argv, c->env);
        result = -errno;
        (void)explain_exec(argv[0], -result, why, size);
        return result;
    }
    while (path != NULL && *path != '\0') {
        char file[4096];
        size_t n = strcspn(path, ":");

        if (n + strlen(argv[0]) + 2 <= sizeof(file)) {
            memcpy(file, path, n);
            file[n] = '\0';
            safe_append(file, n > 0 ? "/" : "./", sizeof(file));
            safe_append(file, argv[0], sizeof(file));
            (void)execve(file, argv, c->env);
            r = -errno;
            if (r != -ENOTDIR && why[0] == '\0')
                (void)explain_exec(file, -r, why, size);
            if (r != -ENOENT && r != -ENOTDIR && r != -EACCES)
                return r;
            if (r == -EACCES)
                result = -EACCES;
        }
        path += n + (path[n] == ':');
    }
    return result;
}

static const struct {
    enum setup_step step;
    command_fn *run;
} command_table[] = {
    {SETUP_CONTROLLING_TERMINAL, command_controlling_terminal},
    {SETUP_STDIO, command_stdio},
    {SETUP_PAYLOAD, command_payload},
    {SETUP_CGROUP_NAMESPACE, command_cgroup_namespace},
    {SETUP_LANDLOCK, command_landlock}, /* while the directories that its rules name are open */
    {SETUP_WORKDIR, command_workdir},
    {SETUP_CLOSE_FDS, command_close_fds},
    /* once no descriptor above its limit is needed */
    {SETUP_RESOURCE_LIMITS, command_resource_limits},
    {SETUP_BOUNDING_SET, command_bounding_set},
    {SETUP_IDS, command_ids},
    {SETUP_CAPABILITIES, command_capabilities},
    {SETUP_NO_NEW_PRIVS, command_no_new_privs},
    {SETUP_CHDIR, command_chdir},
    {SETUP_SECCOMP, command_seccomp},
};

/* The moment from which the step's wall time counts. PID 1 only notices the exec itself when the
 * pipe closes, and might be a while in getting to it. */
static void announce(struct command *c, unsigned index)
{
    struct init_report report = {.kind = SANDBOX_STEP_STARTED, .step = index};

    if (c->workdir_lost || c->ctx->workdir_lost)
        safe_copy(report.detail, c->ctx->given.job->workdir, sizeof(report.detail));
    report.at_ns = clock_monotonic_ns() - c->ctx->ahead_ns;
    if (write(c->report_fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
        _exit(125); /* PID 1 is gone, or was about to be */
}

/* Gives the command its own session and process group, with no signal blocked; the handlers were
 * reset by PID 1. */
static void fresh_session(void)
{
    sigset_t none;

    if (weakened("session"))
        return;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid(); /* a freshly forked process is never a group leader, so this cannot fail */
}

const struct jobs_step *command_step(const struct jobs_job *job, unsigned index)
{
    return index < job->n_steps ? &job->steps[index] : job->after;
}

_Noreturn void command_main(struct init_context *ctx, unsigned index, int report_fd)
{
    char why[sizeof(((struct init_report *)NULL)->detail)] = "";
    struct command c = {.ctx = ctx,
                        .step = command_step(ctx->given.job, index),
                        .index = index,
                        .report_fd = report_fd,
                        .workdir = -EBADF,
                        .hold = index == 0 ? ctx->given.hold : -EBADF,
                        .argv = (char *const *)(uintptr_t)command_step(ctx->given.job, index)->argv,
                        .env = ctx->given.env};
    int r;

    fresh_session();
    for (size_t i = 0; i < ARRAY_SIZE(command_table); i++) {
        enum setup_step step = command_table[i].step;

        progress_to(ctx, step);
        if (step == SETUP_SECCOMP && !ctx->given.filter_lets_wait)
            await_go(&c);
        r = command_table[i].run(&c);
        if (r == 0 && ctx->given.fault == (int)step)
            r = -EIO;
        if (r < 0)
            fail(&c, SANDBOX_SETUP_FAILED, step, index, r,
                 step == SETUP_CHDIR || step == SETUP_WORKDIR ? ctx->given.job->workdir : NULL);
    }
    if (ctx->given.fault == SETUP_EXEC)
        fail(&c, SANDBOX_SETUP_FAILED, SETUP_EXEC, index, -EIO, c.argv[0]);
    progress_to(ctx, SETUP_EXEC);
    await_go(&c);
    announce(&c, index);
    r = execute(&c, why, sizeof(why));
    fail(&c, SANDBOX_NOT_EXECUTED, SETUP_EXEC, index, r, why);
}
