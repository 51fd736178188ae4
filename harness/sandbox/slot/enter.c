/* enter: a process joins a running job. The job is hostile and sees whoever is in its PID
 * namespace, so nobody is in it who still has anything of the host's (runc CVE-2016-9962). In
 * order:
 *
 *   1. A child of ours, not dumpable from its first line on, joins all namespaces. The PID
 * namespace counts for its children only: the job does not see this one.
 *   2. It closes every descriptor but the streams, the control socket and the cgroup's, becomes the
 * user namespace's root, starts a session of its own, and opens terminal, user and working
 * directory as PID 1 did, all within the job's root.
 *   3. It forks the session's first process, which the job sees: in a copy of this program's
 * memory, but not dumpable, and nobody in the job has a right over the user namespace that this
 * memory belongs to (the host's): it cannot be read, written or traced.
 *   4. That one starts the command exactly as PID 1 does (command.c) and waits for it.
 *
 * The first process is our caller's child, which ignores SIGCHLD: so it is reaped at once even
 * while the caller is stopped. The end of a PID namespace waits for everybody in it
 * (zap_pid_ns_processes()), and a job's end must not wait for a person's terminal. */
#include "harness/sandbox/sandbox_private.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

/* ---- in the child: no malloc, no stdio ---- */

/* The job cannot replace /dev or /dev/pts: they are mounts, and it may not change those. Looked at
 * all the same. */
static int open_places(struct init_context *ctx)
{
    struct statfs fs;

    ctx->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ctx->root < 0)
        return -errno;
    ctx->dev_mount = file_open_beneath(ctx->root, "dev", O_PATH | O_DIRECTORY, 0);
    if (ctx->dev_mount < 0)
        return ctx->dev_mount;
    if (ctx->stdio != SANDBOX_STDIO_TERMINAL)
        return 0;
    ctx->detail =
        "/dev/pts (a job without it can be entered without a terminal: cupel enter JOB <FILE)";
    ctx->pts_mount = file_open_beneath(ctx->dev_mount, "pts", O_RDONLY | O_DIRECTORY, 0);
    if (ctx->pts_mount < 0)
        return ctx->pts_mount;
    if (fstatfs(ctx->pts_mount, &fs) < 0)
        return -errno;
    return fs.f_type == DEVPTS_SUPER_MAGIC ? 0 : -EXDEV;
}

/* The job's, or where it has removed that, the root. */
static int open_workdir(struct init_context *ctx)
{
    ctx->detail = ctx->job->workdir;
    ctx->workdir = file_open_in_root(ctx->root, ctx->job->workdir, O_PATH | O_DIRECTORY, 0);
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

    return r == 0 && ctx->privilege.ids > NOT_ROOT && syscall(SYS_setresuid, NOT_ROOT, -1, -1) < 0
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

/* In the job's PID namespace. The caller may have died before the death signal was set: its end of
 * the socket tells. */
_Noreturn static void session_main(struct init_context *ctx)
{
    char byte;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        recv(ctx->control, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        _exit(1);
    init_session(ctx);
}

_Noreturn static void join(struct init_context *ctx, const struct sandbox_entry *entry)
{
    struct init_report entered = {.kind = INIT_ENTERED};
    int session = -EBADF, joined;
    struct clone_args args = {.flags = CLONE_PARENT | CLONE_PIDFD,
                              .pidfd = (uint64_t)(uintptr_t)&session};
    long pid;

    oom_order_enter();
    joined = prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : namespaces_join(entry);
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
    (void)socket_send(ctx->control, &entered, sizeof(entered), &session, 1);
    _exit(0);
}

/* ---- in the caller ---- */

static int step_error(struct cupel_error *err, const struct init_report *report)
{
    return cupel_error_set(
        err, CUPEL_ERROR_HARNESS, report->errnum, "cannot enter the job: step '%s' failed%s%s",
        sandbox_step_name(report->step), report->detail[0] != '\0' ? " on " : "", report->detail);
}

/* Until the session's first process is there. */
static int await_entry(struct sandbox_job *job, struct cupel_error *err)
{
    for (;;) {
        struct init_report report;
        int fds[SOCKET_FDS_MAX];
        ssize_t n = socket_receive(job->control, &report, sizeof(report), 0, fds);
        int *to = n != (ssize_t)sizeof(report)            ? NULL
                  : report.kind == SANDBOX_TERMINAL_READY ? &job->terminal
                  : report.kind == INIT_ENTERED           ? &job->pidfd
                                                          : NULL;

        if (to != NULL)
            *to = steal_fd(&fds[0]);
        for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
            base_closep(&fds[i]);
        if (n != (ssize_t)sizeof(report))
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, ESRCH, "cannot enter the job");
        if (report.kind == SANDBOX_SETUP_FAILED) {
            report.detail[sizeof(report.detail) - 1] = '\0';
            return step_error(err, &report);
        }
        if (report.kind == INIT_ENTERED)
            return 0;
    }
}

static int start(struct init_context *ctx, const struct sandbox_entry *entry,
                 struct sandbox_job *job, struct cupel_error *err)
{
    pid_t pid;
    int r = streams_make(entry->stdio, entry->id_base, NULL, 0, -EBADF, ctx, job);

    if (r == 0)
        r = filter_program(entry->filter, &ctx->filter);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the session's streams");
    (void)signal(SIGCHLD, SIG_IGN);
    pid = _Fork();
    if (pid == 0)
        join(ctx, entry);
    if (pid < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot enter the job");
    base_closep(&ctx->control); /* so that an end of file is one */
    listen_begin(job, 1);
    return await_entry(job, err);
}

int sandbox_enter(const struct sandbox_entry *entry, struct sandbox_job *ret_job,
                  struct cupel_error *err)
{
    struct sandbox_job job = SANDBOX_JOB_INIT;
    struct init_context ctx;
    int r;

    context_init(&ctx, entry->job, entry->stdio, entry->rows, entry->columns);
    ctx.enter = entry->enter;
    ctx.n_enter = entry->n_enter;
    ctx.privilege =
        (struct sandbox_privilege){.host = entry->namespaces == NULL, .ids = entry->ids};
    ctx.landlock_abi = landlock_abi();
    ctx.has_ids = true;
    ctx.uid = entry->uid;
    ctx.gid = entry->gid;
    ctx.user = entry->user;
    context_find_arguments(&ctx.arguments, &ctx.arguments_len);
    context_env(&ctx, entry->env);
    r = start(&ctx, entry, &job, err);
    context_close(&ctx);
    if (r < 0) {
        struct cupel_error ignored;

        (void)sandbox_finish(NULL, &job, &ignored);
        return r;
    }
    *ret_job = job;
    return 0;
}
