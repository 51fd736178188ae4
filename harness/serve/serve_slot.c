/* SPDX-License-Identifier: Apache-2.0 */
/* serve_slot: see serve_slot.h. What a slot of a run knows by number comes here as the text of a
 * job, which the server has checked; it is read once more, since a plan is full of pointers. Not
 * responsible for what is done with a job (attempt/). */
#include "harness/serve/serve_slot.h"

#include "harness/attempt/attempt.h"
#include "harness/attempt/observe.h"
#include "harness/attempt/wire.h"
#include "harness/serve/serve_files.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FILTERS_MAX 16 /* compiled, of profiles that jobs had lately */

/* What a slot keeps between jobs. */
struct slot_state {
    const struct server *s;
    struct serve_cell *cell;
    struct run run; /* the server's, with the job at hand in place of its own */
    struct instance instance;
    struct jobs_plan *plan;
    struct attempt_context ctx;
    struct {
        struct sandbox_filter *filter;
        struct jobs_plan *plan; /* in which the profile lies */
        const struct jobs_seccomp *profile;
    } filters[FILTERS_MAX];
    size_t next_filter;
};

/* ---- a job ---- */

struct instance serve_slot_instance(const struct jobs_plan *plan, size_t index, uint64_t batch)
{
    const struct jobs_job *job = &plan->jobs[index];
    struct instance in = {.plan = plan, .job = job, .root = job->root, .from = INSTANCE_NONE};

    in.id = job->name;
    in.log_name = arena_printf(plan->arena, "%" PRIu64 ".%zu.%s", batch, index, job->name);
    return in;
}

/* Follows no link beneath the directories of --files: others may write there. */
static void bind_path(const struct server *s, struct jobs_host_path *path)
{
    if (path->path == NULL)
        return;
    path->untrusted = true;
    path->to_follow = "name what it leads to";
    path->trusted = strlen(s->files.path);
    if (strncmp(path->path, s->files.path, path->trusted) == 0)
        return;
    for (const char *const *dir = s->options->files; *dir != NULL; dir++)
        if (str_starts(path->path, *dir))
            path->trusted = strlen(*dir);
}

void serve_slot_bind_paths(const struct server *s, struct jobs_plan *plan)
{
    for (size_t i = 0; i < plan->n_jobs; i++) {
        struct jobs_job *job = &plan->jobs[i];

        for (size_t k = 0; k < job->n_inputs; k++)
            bind_path(s, &job->inputs[k].host);
        bind_path(s, &job->stdin_file);
        for (size_t k = 0; k < job->n_steps; k++)
            bind_path(s, &job->steps[k].expect.stdout_file);
    }
}

/* The seccomp program of the job's profile: of those that the run has, of those compiled lately, or
 * compiled now. The plan stays as long as its profile is known here. */
static int find_filter(struct slot_state *st, bool *ret_keeps_plan, struct cupel_error *err)
{
    const struct jobs_seccomp *profile = &st->instance.job->seccomp;
    struct sandbox_filter *filter;
    size_t i;
    int r;

    *ret_keeps_plan = false;
    for (i = 0; i < FILTERS_MAX; i++)
        if (st->filters[i].filter != NULL && jobs_seccomp_equal(st->filters[i].profile, profile)) {
            st->instance.filter = st->filters[i].filter;
            return 0;
        }
    r = sandbox_filter_compile(profile, &filter, err);
    if (r < 0)
        return r;
    i = st->next_filter++ % FILTERS_MAX;
    if (st->filters[i].filter != NULL) {
        sandbox_filter_free(st->filters[i].filter);
        jobs_plan_free(st->filters[i].plan);
    }
    st->filters[i].filter = filter;
    st->filters[i].plan = st->plan;
    st->filters[i].profile = profile;
    st->instance.filter = filter;
    *ret_keeps_plan = true;
    return 0;
}

static int read_job(struct slot_state *st, bool *ret_keeps_plan, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf problems = {0};
    int r = jobs_load_request("request", st->s->files.path, st->cell->text, st->cell->len,
                              &st->plan, &problems, err);

    if (r < 0) /* the server has read the same; what it names may have gone since */
        return r;
    serve_slot_bind_paths(st->s, st->plan);
    st->instance = serve_slot_instance(st->plan, 0, st->cell->batch);
    /* the same name as the server's, where the job may not be the first of its batch */
    st->instance.log_name = st->cell->log_name;
    st->run.instances = &st->instance;
    st->run.n_instances = 1;
    r = prepare_more_complete(&st->run, err);
    return r == 0 ? find_filter(st, ret_keeps_plan, err) : r;
}

/* A job that could not even be read has a result all the same. */
static void report_unread(const struct slot_state *st, uint32_t order,
                          const struct cupel_error *err)
{
    struct jobs_step *steps = xcalloc(st->cell->n_steps, sizeof(*steps));
    struct jobs_job job = {
        .name = st->cell->log_name, .steps = steps, .n_steps = st->cell->n_steps};
    struct attempt_result result = {
        .facts = {.cause = CAUSE_HARNESS, .n_steps = job.n_steps, .harness = *err}};

    result.facts.steps = xcalloc(job.n_steps, sizeof(*result.facts.steps));
    result.steps = xcalloc(job.n_steps, sizeof(*result.steps));
    verdict_of_job(&job, &result.facts, &result.job);
    for (size_t i = 0; i < job.n_steps; i++)
        verdict_of_step(&job, &result.facts, i, &result.job, &result.steps[i]);
    (void)wire_send(st->ctx.orders, order, &result);
    attempt_result_free(&result);
    free(steps);
}

static bool do_job(struct slot_state *st, uint32_t order)
{
    struct attempt_leftover leftover;
    struct attempt_result result;
    struct cupel_error err;
    bool keeps_plan = false;
    int sent = 0;

    st->plan = NULL;
    if (read_job(st, &keeps_plan, &err) < 0) {
        report_unread(st, order, &err);
    } else {
        attempt_run(&st->ctx, &st->instance, NULL, &result, &leftover);
        sent = wire_send(st->ctx.orders, order, &result);
        attempt_result_free(&result);
        attempt_take_down(&st->ctx, &leftover);
    }
    if (!keeps_plan)
        jobs_plan_free(st->plan);
    return sent == 0;
}

/* ---- the process ---- */

/* Lets go of what the server has open for others: a client's connection must end when the server
 * closes it. */
static void close_servers(const struct server *s)
{
    const union MHD_DaemonInfo *info =
        s->daemon != NULL ? s->mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;

    for (size_t i = 0; i < s->options->slots; i++)
        if (s->slots[i].slot.pid > 0) {
            (void)close(s->slots[i].slot.socket);
            (void)close(s->slots[i].slot.pidfd);
        }
    for (size_t i = 0; i < s->peers_size; i++)
        if (s->peers[i] != NULL)
            (void)close(s->peers[i]->fd);
    if (info != NULL)
        (void)close(info->epoll_fd);
    if (s->listener >= 0)
        (void)close(s->listener);
    if (s->epoll >= 0)
        (void)close(s->epoll);
}

_Noreturn static void slot_process(const struct server *s, size_t number, int socket)
{
    struct slot_state st = {.s = s, .cell = s->slots[number].cell, .run = s->p.run};
    struct slot_message m;
    struct cupel_error err;
    int lock = -EBADF, r;

    st.ctx =
        (struct attempt_context){.run = &st.run, .view = &s->p.run.views[number], .orders = socket};
    st.filters[0].filter = s->p.run.filters[0]; /* of a job that says nothing */
    st.filters[0].profile = &s->plan->jobs[0].seccomp;
    st.next_filter = 1;
    r = slot_open_stage(&s->p.run, (unsigned)number, &st.ctx.stage, &lock, &err);
    if (r == 0)
        sandbox_stage_cancel_by(st.ctx.stage, socket);
    observe_open(&st.ctx);
    st.ctx.around = cgroup_around_open(s->p.run.cgroups);
    for (;;) {
        ssize_t n = recv(socket, &m, sizeof(m), MSG_WAITALL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof(m))
            break;
        if (m.order != ORDER_RUN)
            continue; /* a cancellation that came when its job was already done */
        if (r < 0)
            report_unread(&st, m.instance, &err);
        else if (!do_job(&st, m.instance))
            break;
    }
    if (r == 0)
        sandbox_stage_close(st.ctx.stage);
    cgroup_around_close(st.ctx.around);
    base_closep(&lock);
    _exit(0);
}

int serve_slot_start(struct server *s, size_t number, struct cupel_error *err)
{
    struct serve_slot *slot = &s->slots[number];
    pid_t server = getpid(), pid;
    int ends[2];

    if (slot->cell == NULL) {
        void *cell = mmap(NULL, sizeof(*slot->cell), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (cell == MAP_FAILED)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                                   "cannot share memory with slot %zu", number);
        slot->cell = cell;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make a socket for slot %zu",
                               number);
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        close_servers(s);
        slot_become(server);
        slot_process(s, number, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        int r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot start slot %zu", number);

        (void)close(ends[0]);
        return r;
    }
    slot->slot =
        (struct slot){.pid = pid, .socket = ends[0], .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
    return 0;
}
