/* SPDX-License-Identifier: Apache-2.0 */
/* enter: a process joins a running job. The job is hostile and sees whoever is in its PID
 * namespace, so nobody is in it who still has anything of the host's (runc CVE-2016-9962). In
 * order:
 *
 *   1. A child of ours, not dumpable from its first line on, joins all namespaces. The PID
 *      namespace counts for its children only: the job does not see this one.
 *   2. It closes every descriptor but the streams, the control socket and the cgroup's, becomes the
 *      user namespace's root, starts a session of its own, and opens terminal, user and working
 *      directory as PID 1 did, all within the job's root.
 *   3. It forks the session's first process, which the job sees: in a copy of this program's
 *      memory, but not dumpable, and nobody in the job has a right over the user namespace that
 *      this memory belongs to (the host's): it cannot be read, written or traced.
 *   4. That one starts the command exactly as PID 1 does (command.c) and waits for it.
 *
 * The first process is our caller's child, which ignores SIGCHLD: so it is reaped at once even
 * while the caller is stopped. The end of a PID namespace waits for everybody in it
 * (zap_pid_ns_processes()), and a job's end must not wait for a person's terminal.
 *
 * In the caller; the child's part is init/enter_join.c. */
#include "harness/sandbox/init/enter_join.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/init/landlock.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/listen.h"
#include "harness/sandbox/slot/make_context.h"
#include "harness/sandbox/slot/seccomp.h"

#include <signal.h>

static int step_error(struct cupel_error *err, const struct init_report *report)
{
    return cupel_error_set(
        err, CUPEL_ERROR_HARNESS, report->errnum, "cannot enter the job: step '%s' failed%s%s",
        sandbox_step_name(report->step), report->detail[0] != '\0' ? " on " : "", report->detail);
}

/* Waits until the session's first process is there. */
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
        r = filter_program(entry->filter, &ctx->given.filter, &ctx->given.filter_lets_wait);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the session's streams");
    (void)signal(SIGCHLD, SIG_IGN);
    pid = _Fork();
    if (pid == 0)
        enter_join(ctx, entry);
    if (pid < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot enter the job");
    base_closep(&ctx->given.control); /* so that an end of file is one */
    listen_begin(job, 1, false);
    return await_entry(job, err);
}

int sandbox_enter(const struct sandbox_entry *entry, struct sandbox_job *ret_job,
                  struct cupel_error *err)
{
    struct sandbox_job job = SANDBOX_JOB_INIT;
    struct init_context ctx;
    int r;

    context_make(&ctx, entry->job, entry->stdio, entry->rows, entry->columns);
    ctx.given.enter = entry->enter;
    ctx.given.n_enter = entry->n_enter;
    ctx.given.privilege =
        (struct sandbox_privilege){.host = entry->namespaces == NULL, .ids = entry->ids};
    ctx.given.landlock_abi = landlock_abi();
    ctx.given.has_ids = true;
    ctx.uid = entry->uid;
    ctx.gid = entry->gid;
    ctx.given.user = entry->user;
    context_find_arguments(&ctx.given.arguments, &ctx.given.arguments_len);
    context_set_env(&ctx, entry->env);
    r = start(&ctx, entry, &job, err);
    context_free(&ctx);
    if (r < 0) {
        struct cupel_error ignored;

        (void)sandbox_finish(NULL, &job, &ignored);
        return r;
    }
    *ret_job = job;
    return 0;
}
