/* SPDX-License-Identifier: Apache-2.0 */
/* ready_exec: see ready_exec.h. It enters as a session does (sandbox_enter), with no more rights
 * than the service's own command, in its group and under its filter. Who enters is a process of its
 * own, since no child of the one that enters may be waited for. */
#include "harness/attempt/ready_exec.h"

#include "harness/attempt/environment.h"
#include "harness/attempt/slot.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int enter(struct attempt *a, struct sandbox_job *ret, struct cupel_error *err)
{
    const struct run *run = a->ctx->run;
    cleanup_free const char **env = environment_of(run, a->instance);
    int fds[CGROUP_ENTER_MAX];
    const struct sandbox_entry entry = {.job = a->instance->service->probe,
                                        .filter = a->instance->filter,
                                        .env = env,
                                        .pidfd = a->sandbox.pidfd,
                                        .namespaces =
                                            run->privilege.host ? NULL : a->sandbox.namespaces,
                                        .id_base = sandbox_stage_id_base(a->ctx->stage),
                                        .ids = run->privilege.ids,
                                        .uid = a->sandbox.uid,
                                        .gid = a->sandbox.gid,
                                        .user = a->instance->user,
                                        .enter = fds,
                                        .n_enter = cgroup_job_enter_fds(a->cgroup, fds),
                                        .stdio = SANDBOX_STDIO_PIPES};

    return sandbox_enter(&entry, ret, err);
}

static void drop_output(struct pollfd *fd)
{
    char chunk[4096];
    ssize_t n = read(fd->fd, chunk, sizeof(chunk));

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd->fd = -1;
}

/* Waits until who entered is gone, whose parent we are: else it would be for the host's init to
 * reap, which may be slow at that, and the end of the service would wait for it. */
static void await_end(const struct sandbox_job *job)
{
    struct pollfd fd = {.fd = job->pidfd, .events = POLLIN};

    while (poll(&fd, 1, -1) < 0 && errno == EINTR)
        ;
}

/* Waits for what it says of its end, and returns the exit code. */
static int await_exit(struct sandbox_job *job)
{
    struct pollfd fds[] = {{.fd = job->control, .events = POLLIN},
                           {.fd = job->out, .events = POLLIN},
                           {.fd = job->err, .events = POLLIN}};

    base_closep(&job->in);
    for (;;) {
        struct sandbox_event e;

        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            return READY_NOT_RUN;
        for (size_t i = 1; i < ARRAY_SIZE(fds); i++)
            if (fds[i].revents != 0)
                drop_output(&fds[i]);
        while (sandbox_receive(job, &e) > 0) {
            if (e.kind == SANDBOX_STEP_ENDED)
                return WIFEXITED(e.status) ? WEXITSTATUS(e.status) : READY_NOT_RUN;
            if (e.kind != SANDBOX_STEP_STARTED)
                return READY_NOT_RUN;
        }
    }
}

_Noreturn static void ask(struct attempt *a, pid_t parent)
{
    struct sandbox_job job = SANDBOX_JOB_INIT;
    struct cupel_error ignored;
    int code;

    slot_become(parent);
    (void)close(a->ctx->orders); /* or who waits for an end there would wait for this one too */
    base_closep(&a->ctx->ready->tell);
    if (enter(a, &job, &ignored) < 0)
        _exit(READY_NOT_RUN);
    code = await_exit(&job);
    await_end(&job);
    _exit(code);
}

void ready_exec(struct attempt *a)
{
    pid_t parent = getpid(), pid = _Fork();
    int pidfd;

    if (pid == 0)
        ask(a, parent);
    pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -EBADF;
    ready_asks(a->ctx->ready, pid, pidfd, clock_monotonic_ns());
}
