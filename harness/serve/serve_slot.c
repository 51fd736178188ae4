/* SPDX-License-Identifier: Apache-2.0 */
/* serve_slot: see serve_slot.h. What a slot of a run knows by number comes here as the text of a
 * job, which the server has checked; it is read once more, since a plan is full of pointers. Not
 * responsible for what is done with a job (attempt/). */
#include "harness/serve/serve_slot.h"

#include "harness/attempt/attempt.h"
#include "harness/attempt/observe.h"
#include "harness/attempt/shape.h"
#include "harness/attempt/wire.h"
#include "harness/serve/serve_files.h"

#include <inttypes.h>
#include <poll.h>
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
    /* a sandbox that is kept ready, as for this job: for one of the same shape */
    struct attempt_ahead ahead;
    struct instance shape;
    struct jobs_plan *shape_plan; /* NULL: one of the server's */
    char *shape_text;             /* which that was read from */
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

/* Says whether a path lies beneath a directory, by their names; *ret_length is how much of the path
 * names the directory. */
static bool is_beneath(const char *dir, const char *path, size_t *ret_length)
{
    size_t n = strlen(dir);

    while (n > 0 && dir[n - 1] == '/')
        n--;
    *ret_length = n;
    return strncmp(path, dir, n) == 0 && path[n] == '/' && strstr(path, "/../") == NULL &&
           (strlen(path) < 3 || !str_eq(path + strlen(path) - 3, "/.."));
}

bool serve_slot_may_read(const struct server *s, const char *path, size_t *ret_length)
{
    bool found = false;
    size_t n;

    *ret_length = 0;
    for (const char *const *dir = s->options->files; *dir != NULL; dir++)
        if (is_beneath(*dir, path, &n)) {
            found = true;
            *ret_length = n > *ret_length ? n : *ret_length;
        }
    return found;
}

/* Follows no link beneath the directories of --files: others may write there. */
static void bind_path(const struct server *s, struct jobs_host_path *path)
{
    if (path->path == NULL)
        return;
    path->untrusted = true;
    path->to_follow = "name what it leads to";
    if (!is_beneath(s->files.path, path->path, &path->trusted))
        (void)serve_slot_may_read(s, path->path, &path->trusted);
}

static void bind_expected(const struct server *s, struct jobs_expect *e)
{
    struct jobs_host_path *path;

    for (size_t i = 0; (path = jobs_expect_path(e, i)) != NULL; i++)
        bind_path(s, path);
}

void serve_slot_bind_paths(const struct server *s, struct jobs_plan *plan)
{
    for (size_t i = 0; i < plan->n_jobs; i++) {
        struct jobs_job *job = &plan->jobs[i];

        for (size_t k = 0; k < job->n_inputs; k++)
            bind_path(s, &job->inputs[k].host);
        bind_path(s, &job->stdin_file);
        for (size_t k = 0; k < job->n_steps; k++)
            bind_expected(s, &job->steps[k].expect);
    }
}

/* Finds the program of a profile among those compiled lately. */
static const struct sandbox_filter *known_filter(const struct slot_state *st,
                                                 const struct jobs_seccomp *profile)
{
    for (size_t i = 0; i < FILTERS_MAX; i++)
        if (st->filters[i].filter != NULL && jobs_seccomp_equal(st->filters[i].profile, profile))
            return st->filters[i].filter;
    return NULL;
}

/* The seccomp program of the job's profile: one of those compiled lately, or compiled now. The plan
 * stays as long as its profile is known here. */
static int find_filter(struct slot_state *st, bool *ret_keeps_plan, struct cupel_error *err)
{
    const struct jobs_seccomp *profile = &st->instance.job->seccomp;
    size_t i = st->next_filter % FILTERS_MAX;
    struct sandbox_filter *filter;
    int r;

    *ret_keeps_plan = false;
    st->instance.filter = known_filter(st, profile);
    if (st->instance.filter != NULL)
        return 0;
    r = sandbox_filter_compile(profile, &filter, err);
    if (r < 0)
        return r;
    if (st->filters[i].filter != NULL) {
        sandbox_filter_free(st->filters[i].filter);
        jobs_plan_free(st->filters[i].plan);
    }
    st->next_filter++;
    st->filters[i].filter = filter;
    st->filters[i].plan = st->plan;
    st->filters[i].profile = profile;
    st->instance.filter = filter;
    *ret_keeps_plan = true;
    return 0;
}

/* Reads the text of one job into a plan and an instance. */
static int read_text(struct slot_state *st, const char *text, size_t len,
                     struct jobs_plan **ret_plan, struct instance *ret, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct run run = st->run;
    int r = jobs_load_request("request", st->s->files.path, text, len, ret_plan, &problems, err);

    if (r < 0) /* the server has read the same; what it names may have gone since */
        return r;
    serve_slot_bind_paths(st->s, *ret_plan);
    *ret = serve_slot_instance(*ret_plan, 0, st->cell->batch);
    run.instances = ret;
    run.n_instances = 1;
    return prepare_more_complete(&run, err);
}

static int read_job(struct slot_state *st, bool *ret_keeps_plan, struct cupel_error *err)
{
    int r = read_text(st, st->cell->text, st->cell->len, &st->plan, &st->instance, err);

    /* the same name as the server's, where the job may not be the first of its batch */
    st->instance.log_name = st->cell->log_name;
    st->run.instances = &st->instance;
    st->run.n_instances = 1;
    return r == 0 ? find_filter(st, ret_keeps_plan, err) : r;
}

/* ---- a sandbox kept ready ---- */

static void forget_shape(struct slot_state *st)
{
    jobs_plan_free(st->shape_plan);
    st->shape_plan = NULL;
    free(st->shape_text);
    st->shape_text = NULL;
    st->shape = (struct instance){.job = NULL};
}

/* Reads what the next sandbox is for. The filter's plan is another one, which stays as long as that
 * is known. */
static int take_shape(struct slot_state *st, const char *text, size_t len)
{
    struct cupel_error ignored;
    struct instance first;
    bool keeps_plan = false;
    int r;

    if (st->shape_text != NULL && str_eq(st->shape_text, text))
        return 0;
    forget_shape(st);
    st->plan = NULL;
    r = read_text(st, text, len, &st->plan, &first, &ignored);
    if (r == 0) {
        st->instance = first;
        r = find_filter(st, &keeps_plan, &ignored);
    }
    if (!keeps_plan)
        jobs_plan_free(st->plan);
    if (r == 0)
        r = read_text(st, text, len, &st->shape_plan, &st->shape, &ignored);
    if (r < 0)
        forget_shape(st);
    else
        st->shape_text = xstrdup(text);
    return r;
}

/* Makes one as the server says, for a job that is likely to come. It is another's account and time
 * until it goes. What fails is not told: the job will tell, which has one of its own then. */
static void keep_ready(struct slot_state *st)
{
    struct serve_cell *cell = st->cell;
    cleanup_free char *text = NULL;
    size_t len = cell->kind_len;

    atomic_store(&cell->ready, false);
    if (st->ahead.instance != NULL)
        attempt_drop(&st->ctx, &st->ahead);
    if (len > 0 && len < SERVE_KIND_TEXT_MAX)
        text = xasprintf("%.*s", (int)len, cell->kind_text);
    atomic_fetch_add(&cell->kinds_read, 1);
    if (text == NULL) {
        forget_shape(st);
        st->shape = st->s->p.run.instances[0];
    } else if (take_shape(st, text, len) < 0) {
        return;
    }
    st->shape.filter = known_filter(st, &st->shape.job->seccomp);
    if (st->shape.filter != NULL)
        attempt_prepare(&st->ctx, &st->shape, &st->ahead);
    atomic_store(&cell->ready, st->ahead.instance != NULL);
}

/* Lets go of one that is not for the job at hand. */
static void drop_other(struct slot_state *st)
{
    if (st->ahead.instance != NULL && !shape_is_same(&st->shape, &st->instance))
        attempt_drop(&st->ctx, &st->ahead);
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

/* Says whether a job of a pair has come with a way to the other. */
static int check_pair(const struct slot_state *st, struct cupel_error *err)
{
    if (st->cell->pair_with[0] == '\0' || st->ctx.pair >= 0)
        return 0;
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                           "the socket to the other job of its pair did not arrive");
}

static bool do_job(struct slot_state *st, uint32_t order)
{
    struct attempt_leftover leftover;
    struct attempt_result result;
    struct cupel_error err;
    bool keeps_plan = false;
    int sent = 0;

    st->plan = NULL;
    if (read_job(st, &keeps_plan, &err) < 0 || check_pair(st, &err) < 0) {
        report_unread(st, order, &err);
    } else {
        drop_other(st);
        st->cell->was_ready = st->ahead.instance != NULL && st->ctx.pair < 0;
        st->ctx.pair_with = st->cell->pair_with;
        atomic_store(&st->cell->ready, false);
        attempt_run(&st->ctx, &st->instance, &st->ahead, &result, &leftover);
        sent = wire_send(st->ctx.orders, order, &result);
        slot_make_way();
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

    for (size_t i = 0; i < s->n_slots; i++)
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

    st.ctx = (struct attempt_context){
        .run = &st.run, .view = &s->p.run.views[number], .orders = socket, .pair = -EBADF};
    st.filters[0].filter = s->p.run.filters[0]; /* of a job that says nothing */
    st.filters[0].profile = &s->plan->jobs[0].seccomp;
    st.next_filter = 1;
    r = slot_open_stage(&s->p.run, (unsigned)number, &st.ctx.stage, &lock, &err);
    if (r == 0)
        sandbox_stage_cancel_by(st.ctx.stage, socket);
    observe_open(&st.ctx);
    st.ctx.around = cgroup_around_open(s->p.run.cgroups);
    st.ctx.late = true;
    while (slot_next_order(&st.ctx, &st.ahead, &m)) {
        if (m.order == ORDER_PREPARE && r == 0)
            keep_ready(&st);
        if (m.order != ORDER_RUN)
            continue; /* a cancellation that came when its job was already done */
        if (r < 0)
            report_unread(&st, m.instance, &err);
        else if (!do_job(&st, m.instance))
            break;
    }
    if (st.ahead.instance != NULL)
        attempt_drop(&st.ctx, &st.ahead);
    forget_shape(&st);
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
    atomic_store(&slot->cell->ready, false);
    atomic_store(&slot->cell->kinds_read, slot->kinds_sent);
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
