/* SPDX-License-Identifier: Apache-2.0 */
/* serve: see serve.h. What an attempt is to a job, this is to a session: it starts the same
 * sandbox, but knows no deadline, captures nothing and judges nothing. */
#include "harness/session/serve.h"

#include "harness/attempt/attempt.h"
#include "harness/attempt/environment.h"
#include "harness/attempt/observe.h"
#include "harness/attempt/services_session.h"
#include "harness/attempt/slot.h"
#include "harness/run/instances.h"
#include "harness/session/relay.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define NEVER UINT64_MAX

struct serving {
    int socket;
    const struct jobs_job *job;
    bool kept; /* it lies over what a job left */
    enum sandbox_stdio stdio;
    struct sandbox_job *sandbox;
    struct cgroup_job *cgroup;
    bool control_open;
    bool failed;
    struct cupel_error err;
    bool ended;
    int status;
    int not_executed;
    char why[SANDBOX_DETAIL_SIZE];
    bool out_of_memory;
    uint64_t kill_at;
};

void serve_fail(int socket, const struct cupel_error *err)
{
    const struct relay_message m = {.kind = RELAY_FAILED, .err = *err};

    (void)socket_send(socket, &m, sizeof(m), NULL, 0); /* a front that is gone needs no answer */
}

static void serve_note_failure(struct serving *s, const struct cupel_error *err)
{
    if (!s->failed)
        s->err = *err;
    s->failed = true;
    sandbox_kill(s->sandbox);
}

/* Our copies are closed at once: the front's are the only ones, so that an end of file is one. */
static void send_streams(struct serving *s)
{
    const struct relay_message m = {.kind = RELAY_STREAMS};
    struct sandbox_job *b = s->sandbox;
    struct cupel_error err;
    int r;

    if (s->stdio == SANDBOX_STDIO_TERMINAL) {
        r = socket_send(s->socket, &m, sizeof(m), &b->terminal, 1);
        base_closep(&b->terminal);
    } else {
        r = socket_send(s->socket, &m, sizeof(m), (const int[]){b->in, b->out, b->err}, 3);
        base_closep(&b->in);
        base_closep(&b->out);
        base_closep(&b->err);
    }
    if (r < 0) {
        (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r, "cannot pass the session's streams on");
        serve_note_failure(s, &err);
    }
}

static void on_setup_failed(struct serving *s, const struct sandbox_event *e)
{
    struct cupel_error err;

    (void)sandbox_setup_error(e, &err);
    if (s->kept && (e->causes & (SANDBOX_BY_ROOT | SANDBOX_BY_JOBS)) != 0) {
        err.kind = CUPEL_ERROR_INPUT;
        cupel_error_hint(&err,
                         "the job left its files so; cupel list --kept shows what else is kept");
    }
    if (s->cgroup == NULL && str_eq(e->what, "payload-cgroup"))
        cupel_error_hint(&err, "the job's control groups can only be joined from a group below one "
                               "that is yours as well: "
                               "with systemd, systemd-run --user --scope cupel enter ...");
    serve_note_failure(s, &err);
}

static void tell_of_lost_workdir(const struct sandbox_event *e)
{
    cleanup_strbuf struct strbuf shown = {0};

    text_add_line(&shown, e->detail);
    (void)fprintf(stderr,
                  "cupel: the job's working directory %s cannot be entered as the job left it; "
                  "this begins in /\n",
                  shown.data);
}

static void receive_events(struct serving *s)
{
    struct sandbox_event e;

    while (sandbox_receive(s->sandbox, &e) > 0) {
        switch (e.kind) {
        case SANDBOX_TERMINAL_READY:
            send_streams(s);
            break;
        case SANDBOX_STEP_ENDED:
            s->ended = true;
            s->status = e.status;
            break;
        case SANDBOX_NOT_EXECUTED:
            s->not_executed = e.errnum;
            memcpy(s->why, e.detail, sizeof(s->why));
            break;
        case SANDBOX_SETUP_FAILED:
            on_setup_failed(s, &e);
            break;
        case SANDBOX_GONE:
            s->control_open = false;
            return;
        case SANDBOX_STEP_STARTED:
            if (e.detail[0] != '\0')
                tell_of_lost_workdir(&e);
            break;
        case SANDBOX_STEP_QUIET:
            sandbox_continue(s->sandbox);
            break;
        case SANDBOX_LEFT_RUNNING: /* what it leaves running ends with it, as with a job */
            break;
        }
    }
}

static void receive_order(struct serving *s)
{
    struct relay_message m;
    int fds[SOCKET_FDS_MAX];
    ssize_t n = socket_receive(s->socket, &m, sizeof(m), MSG_DONTWAIT, fds);

    for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
        base_closep(&fds[i]);
    if (n == -EAGAIN)
        return;
    if (n == (ssize_t)sizeof(m) && m.kind == RELAY_TERMINATE && s->kill_at == NEVER) {
        sandbox_terminate(s->sandbox);
        s->kill_at = clock_monotonic_ns() + s->job->timeout_grace;
    } else { /* RELAY_KILL, or a front that is gone */
        sandbox_kill(s->sandbox);
        s->kill_at = NEVER;
    }
}

static void check_oom(struct serving *s)
{
    if (s->cgroup == NULL || !cgroup_job_oom_ack(s->cgroup))
        return;
    s->out_of_memory = true;
    sandbox_kill(s->sandbox); /* as it is with a job: v2 has done so already */
}

static void watch(struct serving *s)
{
    enum { ORDERS, CONTROL, OOM, GONE, COUNT };
    short oom_events = 0;
    int oom = s->cgroup != NULL ? cgroup_job_oom_fd(s->cgroup, &oom_events) : -EBADF;

    for (;;) {
        struct pollfd fds[COUNT] = {
            [ORDERS] = {.fd = s->socket, .events = POLLIN},
            [CONTROL] = {.fd = s->control_open ? s->sandbox->control : -1, .events = POLLIN},
            [OOM] = {.fd = oom, .events = oom_events},
            [GONE] = {.fd = s->sandbox->pidfd, .events = POLLIN},
        };
        uint64_t now = clock_monotonic_ns(), left = s->kill_at > now ? s->kill_at - now : 0;
        struct timespec wait = {(time_t)(left / NSEC_PER_SEC), (long)(left % NSEC_PER_SEC)};

        if (ppoll(fds, COUNT, s->kill_at == NEVER ? NULL : &wait, NULL) < 0 && errno != EINTR)
            return;
        if (s->kill_at != NEVER && clock_monotonic_ns() >= s->kill_at) {
            sandbox_kill(s->sandbox);
            s->kill_at = NEVER;
        }
        if (fds[CONTROL].revents != 0)
            receive_events(s);
        if (fds[OOM].revents != 0)
            check_oom(s);
        if (fds[GONE].revents != 0)
            return;
        if (fds[ORDERS].revents != 0)
            receive_order(s);
    }
}

/* Returns the exit code as shells have it. */
static int exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void tell_end(struct serving *s)
{
    struct relay_message m = {.kind = RELAY_ENDED};
    char size[UNIT_TEXT_SIZE];

    if (s->out_of_memory) {
        m.value = 128 + SIGKILL;
        (void)cupel_error_set(&m.err, CUPEL_ERROR_NONE, 0,
                              "the memory limit of %s was reached, and the session ended",
                              unit_format_size(s->job->limits.value[JOBS_LIMIT_MEMORY], size));
    } else if (s->not_executed != 0) {
        m.value = s->not_executed == ENOENT ? 127 : 126;
        (void)cupel_error_set(&m.err, CUPEL_ERROR_NONE, s->not_executed,
                              "cannot execute '%s' in the sandbox%s%s", s->job->steps[0].argv[0],
                              s->why[0] != '\0' ? ": " : "", s->why);
    } else if (s->ended) {
        m.value = exit_code(s->status);
    } else if (s->failed) {
        m.kind = RELAY_FAILED;
        m.err = s->err;
    } else { /* killed: by an order, or by somebody on the host */
        m.value = 128 + SIGKILL;
        (void)cupel_error_set(&m.err, CUPEL_ERROR_NONE, 0,
                              s->cgroup != NULL ? "the session was killed"
                                                : "the session ended with the job, or was killed");
    }
    (void)socket_send(s->socket, &m, sizeof(m), NULL, 0);
}

void serve_streams(int socket, const struct jobs_job *job, const struct launch_session *launch,
                   struct sandbox_job *sandbox, struct cgroup_job *cgroup)
{
    struct serving s = {.socket = socket,
                        .job = job,
                        .kept = launch->kept != NULL,
                        .stdio = launch->stdio,
                        .sandbox = sandbox,
                        .cgroup = cgroup,
                        .control_open = true,
                        .kill_at = NEVER};

    if (launch->stdio == SANDBOX_STDIO_PIPES || sandbox->terminal >= 0)
        send_streams(&s);
    watch(&s);
    receive_events(&s); /* what PID 1 said with its last breath */
    sandbox_reap(sandbox);
    check_oom(&s);
    tell_end(&s);
}

/* A job that the session's starts from. Any word of the front's is the end of it. */
static int run_base(struct attempt_context *ctx, const struct instance *instance,
                    struct cupel_error *err)
{
    struct attempt_leftover leftover;
    struct attempt_result result;
    int r = 0;

    (void)fprintf(stderr, "cupel: running job '%s' first\n", instance->job->name);
    attempt_run(ctx, instance, NULL, &result, &leftover);
    if (result.job.verdict != REPORTS_PASSED) {
        r = cupel_error_set(
            err, result.job.verdict == REPORTS_ERROR ? CUPEL_ERROR_HARNESS : CUPEL_ERROR_INPUT, 0,
            "job '%s', which has to run first, did not pass (%s): %s", instance->job->name,
            reports_verdict_name(result.job.verdict), result.job.evidence);
        cupel_error_hint(err, "cupel run --only '%s' %s shows what it prints", instance->job->name,
                         instance->plan->file);
    }
    attempt_result_free(&result);
    attempt_take_down(ctx, &leftover);
    return r;
}

static int run_bases(struct attempt_context *ctx, struct cupel_error *err)
{
    int r = 0;

    if (run_n_prepared(ctx->run) > 1)
        observe_open(ctx);
    for (size_t i = 0; r == 0 && i + 1 < ctx->run->n_instances; i++)
        r = run_base(ctx, &ctx->run->instances[i], err);
    return r;
}

/* Has what lies below a kept job lie below the session. */
static int lay_kept(struct attempt_context *ctx, const struct sandbox_kept *kept,
                    struct cupel_error *err)
{
    const struct run *run = ctx->run;
    size_t reads[JOBS_READS_MAX];
    size_t n = instances_read(run->instances, run->n_instances, run->n_instances - 1, reads);
    int r = n == kept->n_below
                ? 0
                : cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                                  "what is kept of the jobs below is not what the job is made of");

    for (size_t i = 0; r == 0 && i < n; i++)
        r = sandbox_snapshot_import(ctx->stage, reads[i], kept->below[i], err);
    return r;
}

/* Serves it beside the services of its job, if that has any. */
static int serve_beside_services(struct attempt_context *ctx, const struct serve_session *s,
                                 const struct instance *own, struct attempt_leftover *l,
                                 struct cupel_error *err)
{
    struct services_session *services;
    int r;

    if (jobs_services_count(own->job) > 0)
        (void)fprintf(stderr, "cupel: starting the services of job '%s'\n", own->job->name);
    r = services_session_begin(ctx, own, l->cgroup, &l->sandbox, &services, err);
    if (r < 0) {
        sandbox_kill(&l->sandbox);
        sandbox_reap(&l->sandbox);
        return r;
    }
    serve_streams(s->socket, own->job, &s->launch, &l->sandbox, l->cgroup);
    services_session_end(services);
    return 0;
}

_Noreturn void serve_session(const struct serve_session *s, pid_t front)
{
    struct attempt_context ctx = {
        .run = s->run, .view = &s->run->views[0], .orders = s->socket, .pair = -EBADF};
    struct attempt_leftover leftover = {.sandbox = SANDBOX_JOB_INIT};
    const struct instance *own = &s->run->instances[s->run->n_instances - 1];
    struct cupel_error err;
    int lock = -EBADF, r;

    slot_become(front);
    r = slot_open_stage(s->run, 0, &ctx.stage, &lock, &err);
    if (r == 0)
        r = s->launch.kept != NULL ? lay_kept(&ctx, s->launch.kept, &err) : run_bases(&ctx, &err);
    if (r == 0) {
        r = launch_instance(&ctx, own, &s->launch, jobs_services_count(own->job) > 0,
                            &leftover.caches, &leftover.cgroup, &leftover.sandbox, &err);
        leftover.has_sandbox = r == 0;
        if (r == 0)
            r = launch_take_cores(&ctx, own, leftover.cgroup, -EBADF, &err);
        if (r == 0)
            r = serve_beside_services(&ctx, s, own, &leftover, &err);
    }
    if (r < 0)
        serve_fail(s->socket, &err);
    if (ctx.stage != NULL) {
        attempt_take_down(&ctx, &leftover);
        sandbox_stage_close(ctx.stage);
    }
    base_closep(&lock);
    _exit(0);
}

_Noreturn void serve_entry(const struct serve_entry *e, pid_t front)
{
    cleanup_free const char **env = environment_make(e->plan, e->job, e->of_image);
    const struct sandbox_entry entry = {
        .job = e->job,
        .filter = e->filter,
        .env = env,
        .pidfd = e->handle->pidfd,
        .namespaces = e->handle->namespaces[0] >= 0 ? e->handle->namespaces : NULL,
        .id_base = e->handle->id_base,
        .ids = e->handle->ids,
        .uid = e->handle->uid,
        .gid = e->handle->gid,
        .user = &e->handle->user,
        .enter = e->handle->enter,
        .n_enter = e->handle->n_enter,
        .stdio = e->launch.stdio,
        .rows = e->launch.rows,
        .columns = e->launch.columns};
    struct sandbox_job session = SANDBOX_JOB_INIT;
    struct cupel_error err;

    slot_become(front);
    if (sandbox_enter(&entry, &session, &err) < 0)
        serve_fail(e->socket, &err);
    else
        serve_streams(e->socket, e->job, &e->launch, &session, NULL);
    _exit(0);
}
