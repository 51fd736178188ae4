/* SPDX-License-Identifier: Apache-2.0 */
/* enter_join: the half of entering a job that runs in the child, as slot/enter.c tells: it joins
 * the job's namespaces, gives up what it has of the host's, and forks the session's first process.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/enter_join.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/home.h"
#include "harness/sandbox/init/init.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/init/join_namespaces.h"
#include "harness/sandbox/init/oom_score.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/init/terminal.h"
#include "harness/sandbox/sandbox.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* The job cannot replace /dev or /dev/pts: they are mounts, and it may not change those. Looked at
 * all the same. */
static int open_places(struct init_context *ctx)
{
    struct statfs fs;

    ctx->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ctx->root < 0)
        return -errno;
    ctx->given.dev_mount = file_open_beneath(ctx->root, "dev", O_PATH | O_DIRECTORY, 0);
    if (ctx->given.dev_mount < 0)
        return ctx->given.dev_mount;
    if (ctx->given.stdio != SANDBOX_STDIO_TERMINAL)
        return 0;
    ctx->detail =
        "/dev/pts (a job without it can be entered without a terminal: cupel enter JOB <FILE)";
    ctx->pts_mount = file_open_beneath(ctx->given.dev_mount, "pts", O_RDONLY | O_DIRECTORY, 0);
    if (ctx->pts_mount < 0)
        return ctx->pts_mount;
    if (fstatfs(ctx->pts_mount, &fs) < 0)
        return -errno;
    return fs.f_type == DEVPTS_SUPER_MAGIC ? 0 : -EXDEV;
}

/* The job's, or where it has removed that, the root. */
static int open_workdir(struct init_context *ctx)
{
    ctx->detail = ctx->given.job->workdir;
    ctx->workdir = file_open_in_root(ctx->root, ctx->given.job->workdir, O_PATH | O_DIRECTORY, 0);
    if (ctx->workdir < 0)
        ctx->workdir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return ctx->workdir < 0 ? -errno : 0;
}

/* The session's first process has the ids of the job's root, and where those are all the same as
 * the caller's, the kernel asks for no more to change a process' limits
 * (check_prlimit_permission(), kernel/sys.c). So one of them is another's. */
#define NOT_ROOT 1
static int become_root(struct init_context *ctx)
{
    int r = identity_become_root(ctx);

    return r == 0 && ctx->given.privilege.ids > NOT_ROOT &&
                   syscall(SYS_setresuid, NOT_ROOT, -1, -1) < 0
               ? -errno
               : r;
}

static const struct {
    enum setup_step step;
    setup_fn *run;
} enter_table[] = {
    {SETUP_DESCRIPTORS, setup_descriptors},
    {SETUP_IDENTITY, become_root},
    {SETUP_SESSION, setup_session},
    {SETUP_DEV, open_places},
    {SETUP_USER, setup_user},
    {SETUP_WORKDIR, open_workdir},
    {SETUP_TERMINAL, setup_terminal},
};

_Noreturn static void fail(struct init_context *ctx, enum setup_step step, int r)
{
    struct init_report report = {.kind = SANDBOX_SETUP_FAILED, .step = step, .errnum = -r};

    if (ctx->detail != NULL)
        safe_copy(report.detail, ctx->detail, sizeof(report.detail));
    send_report(ctx, &report);
    _exit(1);
}

/* Runs the session's first process, in the job's PID namespace. The caller may have died before the
 * death signal was set: its end of the socket tells. */
_Noreturn static void session_main(struct init_context *ctx)
{
    char byte;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        recv(ctx->given.control, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        _exit(1);
    time_offset_joined(ctx);
    init_session(ctx);
}

/* Makes the caller one that the kernel takes as early as the job's commands. Has to come before it
 * cannot be looked into any more: then what /proc has of it is the host's root's
 * (task_dump_owner(), fs/proc/base.c). */
static void take_oom_score(void)
{
    if (!weakened("oom-order"))
        (void)file_put_at(AT_FDCWD, "/proc/self/oom_score_adj", OOM_SCORE_OF_COMMANDS_TEXT);
}

_Noreturn void enter_join(struct init_context *ctx, const struct sandbox_entry *entry)
{
    struct init_report entered = {.kind = INIT_ENTERED};
    int session = -EBADF, offsets = -EBADF, joined;
    struct clone_args args = {.flags = CLONE_PARENT | CLONE_PIDFD,
                              .pidfd = (uint64_t)(uintptr_t)&session};
    long pid;

    take_oom_score();
    /* PID 1's time namespace is not its commands', and cannot be asked for theirs: another one like
     * it is made, by a file that has to be opened before the line below, too */
    if (ctx->given.job->time_offset_ns != 0)
        offsets = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    joined = prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : join_namespaces(entry);
    if (joined == 0)
        joined = time_offset_set(ctx, offsets);
    ctx->detail = "the job's namespaces";
    if (joined < 0)
        fail(ctx, SETUP_IDENTITY, joined);
    for (size_t i = 0; i < ARRAY_SIZE(enter_table); i++) {
        int r;

        ctx->detail = NULL;
        r = enter_table[i].run(ctx);
        if (r < 0)
            fail(ctx, enter_table[i].step, r);
    }
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        session_main(ctx);
    if (pid < 0)
        fail(ctx, SETUP_CLONE, -errno);
    (void)socket_send(ctx->given.control, &entered, sizeof(entered), &session, 1);
    _exit(0);
}
