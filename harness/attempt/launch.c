/* SPDX-License-Identifier: Apache-2.0 */
/* launch: see launch.h. What happens once the job runs is not its business. */
#include "harness/attempt/launch.h"

#include "harness/attempt/disks.h"
#include "harness/attempt/environment.h"
#include "harness/attempt/identity.h"
#include "harness/attempt/limits_in_force.h"
#include "harness/run/instances.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

/* what programs take a terminal for that does not say it */
#define TERMINAL_ROWS 24
#define TERMINAL_COLUMNS 80

static struct cgroup_limits group_limits(const struct run *run, const struct instance *instance)
{
    const struct jobs_limits *l = &instance->job->limits;
    struct limits_view v = {.job = l, .unenforced = run->unenforced_set};
    struct cgroup_limits g = CGROUP_LIMITS_NONE;

    if (limits_enforced(&v, l, JOBS_LIMIT_CPU))
        g.cpu_millicores = l->value[JOBS_LIMIT_CPU];
    if (limits_enforced(&v, l, JOBS_LIMIT_MEMORY)) {
        g.memory_bytes = l->value[JOBS_LIMIT_MEMORY];
        g.swap_bytes = 0;
    }
    if (limits_enforced(&v, l, JOBS_LIMIT_SWAP))
        g.swap_bytes = l->value[JOBS_LIMIT_SWAP];
    else if (jobs_limit_is_set(l, JOBS_LIMIT_SWAP) ||
             ((run->unenforced_set >> JOBS_LIMIT_SWAP) & 1u))
        g.swap_bytes = UINT64_MAX;
    if (limits_enforced(&v, l, JOBS_LIMIT_PIDS))
        g.pids = l->value[JOBS_LIMIT_PIDS];
    if (jobs_limits_are_exclusive(l) || !limits_enforced(&v, l, JOBS_LIMIT_CPUSET))
        g.cpus = run->cores.rest; /* until it has its own, see launch_take_cores */
    else
        g.cpus = l->cpus;
    g.counts = limits_enforced(&v, l, JOBS_LIMIT_INSTRUCTIONS);
    for (size_t i = 0; i < CGROUP_IO_COUNT; i++) {
        /* prepare has asked the same and said it; without a disk the group is refused */
        struct cupel_error ignored;

        if (!limits_enforced(&v, l, disks_limits[i]))
            continue;
        g.io[i] = l->value[disks_limits[i]];
        if (g.n_disks == 0)
            (void)disks_of(instance, run->dirfd, &g, &ignored);
    }
    return g;
}

static bool is_interactive(const struct jobs_job *job)
{
    return job->checker != NULL && job->checker->interactive;
}

static bool launch_has_stdin(const struct jobs_job *job)
{
    return job->stdin_text != NULL || job->stdin_file.path != NULL;
}

/* Finds which of its secrets the job gets as files, and counts them. */
static size_t secret_files(const struct run *run, const struct instance *instance,
                           struct sandbox_secret ret[static JOBS_SECRETS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < instance->n_secrets; i++) {
        const struct run_secret *s = &run->secrets[instance->secrets[i]];

        if (s->of->as == JOBS_SECRET_FILE)
            ret[n++] = (struct sandbox_secret){s->of->name, s->data, s->len};
    }
    return n;
}

/* Finds those of whose files the job's inputs are made. */
static size_t others_of(const struct run *run, const struct instance *instance,
                        struct sandbox_other ret[static JOBS_READS_MAX])
{
    size_t reads[JOBS_READS_MAX], n = 0;

    if (!instance_is_of_job(instance) && jobs_takes_files(instance->job))
        n = instances_read(run->instances, run->n_instances, instances_number(run, instance),
                           reads);
    for (size_t i = 0; i < n; i++) {
        const struct instance *other = &run->instances[reads[i]];
        const struct cache_root *root = &run->roots[other->root];

        ret[i] = (struct sandbox_other){.job = (size_t)(other->job - other->plan->jobs),
                                        .snapshot = reads[i],
                                        .ids = identity_ids(other),
                                        .root = other->root,
                                        .layers = root->layer,
                                        .n_layers = root->n_layers,
                                        .masked = other->plan->roots[other->job->root].kind ==
                                                  JOBS_ROOT_HOST};
    }
    return n;
}

/* The directories of the job's groups that it is shown, until they are mounted. */
struct shown_cgroups {
    struct sandbox_cgroup list[SANDBOX_CGROUPS_MAX];
    size_t n;
};

static void close_views(struct shown_cgroups *v)
{
    for (size_t i = 0; i < v->n; i++)
        base_closep(&v->list[i].dir);
}

static int open_views(const struct cgroup_job *cgroup, struct shown_cgroups *ret,
                      struct cupel_error *err)
{
    struct cgroup_view list[CGROUP_VIEWS_MAX];
    int n = cgroup_job_views(cgroup, list);

    _Static_assert(CGROUP_VIEWS_MAX <= SANDBOX_CGROUPS_MAX, "each is shown");
    for (int i = 0; i < n; i++)
        ret->list[ret->n++] = (struct sandbox_cgroup){.name = list[i].name, .dir = list[i].dir};
    return n > 0 ? 0
                 : cupel_error_set(err, CUPEL_ERROR_HARNESS, n < 0 ? n : EOPNOTSUPP,
                                   "cannot show the job its control group");
}

static int start_sandbox(struct attempt_context *ctx, const struct instance *instance,
                         const struct launch_session *session, bool hold,
                         const struct caches *caches, const struct cgroup_job *cgroup,
                         struct sandbox_job *ret_sandbox, struct cupel_error *err)
{
    const struct jobs_job *job = instance->job;
    const struct cache_root *root = &ctx->run->roots[instance->root];
    cleanup_free const char **env = environment_of(ctx->run, instance);
    cleanup_close int input = -EBADF;
    struct sandbox_secret secrets[JOBS_SECRETS_MAX];
    size_t below[JOBS_FROM_DEPTH_MAX], n_below = 0;
    struct sandbox_ids below_ids[JOBS_FROM_DEPTH_MAX];
    struct sandbox_other others[JOBS_READS_MAX];
    int enter[CGROUP_ENTER_MAX];
    __attribute__((cleanup(close_views))) struct shown_cgroups views = {.n = 0};
    struct sandbox_request request = {
        .plan = instance->plan,
        .job = job,
        .bridge_ns =
            job->network == JOBS_NETWORK_BRIDGE ? ctx->run->bridges[instance->bridge] : -EBADF,
        .filter = instance->filter,
        .root = instance->root,
        .layers = root->layer,
        .n_layers = root->n_layers,
        .masked = instance->plan->roots[job->root].kind == JOBS_ROOT_HOST,
        .below = below,
        .below_ids = below_ids,
        .cached = caches_trees(caches),
        .others = others,
        .n_others = others_of(ctx->run, instance, others),
        .env = env,
        .secrets = secrets,
        .n_secrets = secret_files(ctx->run, instance, secrets),
        .stdin_data = job->stdin_text,
        .stdin_len = job->stdin_len,
        .stdin_file = -EBADF,
        .user = instance->user,
        .enter = enter,
        .n_enter = cgroup_job_enter_fds(cgroup, enter),
        .hold = hold,
        .late = hold && ctx->late,
    };

    if (job->cgroup_view && !ctx->run->no_cgroup_view) {
        int r = open_views(cgroup, &views, err);

        if (r < 0)
            return r;
        request.cgroups = views.list;
        request.n_cgroups = views.n;
    }
    for (size_t i = instance->from; i != INSTANCE_NONE; i = ctx->run->instances[i].from) {
        below_ids[n_below] = identity_ids(&ctx->run->instances[i]);
        below[n_below++] = i;
    }
    if (job->tty) {
        request.stdio = SANDBOX_STDIO_OUTPUT_TERMINAL;
        request.rows = TERMINAL_ROWS;
        request.columns = TERMINAL_COLUMNS;
    }
    if (job->capture == JOBS_CAPTURE_FILE && session == NULL)
        request.output_file = limits_output_file(job);
    if (session != NULL) {
        request.stdio = session->stdio;
        request.one_output = session->one_output;
        request.rows = session->rows;
        request.columns = session->columns;
        request.kept = session->kept;
    }
    if (is_interactive(job)) {
        request.stdin_data = NULL; /* it is what the interactor is given, and nobody else */
        request.stdin_len = 0;
    } else if (request.late) {
        request.stdin_data = launch_has_stdin(job) ? "" : NULL;
    } else if (job->stdin_file.path != NULL) {
        uint64_t size;
        int r = host_path_open_file(&job->stdin_file, "stdin-file", &input, &size, err);

        if (r < 0)
            return r;
        request.stdin_file = input;
    }
    return sandbox_start(ctx->stage, &request, ret_sandbox, err);
}

/* Late limits of the step, or of the job where it has none. */
static struct jobs_limits process_limits(const struct jobs_job *job)
{
    const struct jobs_limits *of_step = &job->steps[0].limits;
    struct jobs_limits l = job->limits;

    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (jobs_limit_is_set(of_step, i))
            l.value[i] = of_step->value[i];
    l.set |= of_step->set;
    return l;
}

static bool has_same_memory(const struct jobs_limits *a, const struct jobs_limits *b)
{
    bool is_set = jobs_limit_is_set(a, JOBS_LIMIT_MEMORY);

    return is_set == jobs_limit_is_set(b, JOBS_LIMIT_MEMORY) &&
           (!is_set || a->value[JOBS_LIMIT_MEMORY] == b->value[JOBS_LIMIT_MEMORY]);
}

int launch_limits(struct attempt_context *ctx, const struct instance *was,
                  const struct instance *instance, struct cgroup_job *cgroup,
                  struct sandbox_job *sandbox, struct cupel_error *err)
{
    struct cgroup_limits before = group_limits(ctx->run, was),
                         limits = group_limits(ctx->run, instance);

    /* whatever is in the way of that, one that begins with it has it */
    if (!has_same_memory(&was->job->limits, &instance->job->limits) &&
        ((instance->job->devices >> JOBS_DEVICE_SHM) & 1u) &&
        sandbox_change_memory(ctx->stage, sandbox, &instance->job->limits) < 0)
        return -EAGAIN;
    return cgroup_job_change_limits(cgroup, &before, &limits, err);
}

/* Refuses what a matrix has found and nobody can look into: that is the job's result, or nobody's
 * where it was not its author who closed it. */
static int check_refused(const struct jobs_job *job, struct cupel_error *err)
{
    if (job->refused == NULL)
        return 0;
    (void)cupel_error_set(err, job->unread ? CUPEL_ERROR_HARNESS : CUPEL_ERROR_INPUT, 0, "%s",
                          job->refused);
    if (job->unread)
        cupel_error_hint(err, "see that whoever starts cupel can read it (chmod -R u+rX where its "
                              "mode is in the way), and start the same again");
    return -EUCLEAN;
}

int launch_words(struct attempt_context *ctx, const struct instance *instance,
                 struct sandbox_job *sandbox, struct cupel_error *err)
{
    const struct jobs_job *job = instance->job;
    cleanup_free const char **env = environment_of(ctx->run, instance);
    cleanup_close int input = -EBADF;
    struct sandbox_words words = {.argv = job->steps[0].argv,
                                  .env = env,
                                  .stdin_data = job->stdin_text,
                                  .stdin_len = job->stdin_len,
                                  .stdin_file = -EBADF,
                                  .limits = process_limits(job)};
    uint64_t size;
    int r = check_refused(job, err);

    if (r == 0 && job->stdin_file.path != NULL)
        r = host_path_open_file(&job->stdin_file, "stdin-file", &input, &size, err);
    if (r < 0)
        return r;
    words.stdin_file = input;
    r = sandbox_give_words(ctx->stage, sandbox, &words);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot hand over the command") : 0;
}

int launch_instance(struct attempt_context *ctx, const struct instance *instance,
                    const struct launch_session *session, bool hold, struct caches **ret_caches,
                    struct cgroup_job **ret_cgroup, struct sandbox_job *ret_sandbox,
                    struct cupel_error *err)
{
    struct cgroup_limits limits = group_limits(ctx->run, instance);
    char name[48];
    int r = check_refused(instance->job, err);

    if (r < 0)
        return r;
    /* by pid: a slot that takes a dead one's place begins to count anew */
    ctx->times.group_ns = clock_monotonic_ns();
    (void)snprintf(name, sizeof(name), "j%d-%" PRIu64, (int)getpid(), ctx->serial++);
    r = cgroup_job_create(ctx->run->cgroups, name, &limits, ret_cgroup, err);
    ctx->times.group_took_ns = clock_monotonic_ns() - ctx->times.group_ns;
    if (r < 0)
        return r;
    cgroup_around_watch(ctx->around, *ret_cgroup);
    r = caches_restore(ctx, instance, session, ret_caches, err);
    return r < 0 ? r
                 : start_sandbox(ctx, instance, session, hold, *ret_caches, *ret_cgroup,
                                 ret_sandbox, err);
}

int launch_take_cores(struct attempt_context *ctx, const struct instance *instance,
                      struct cgroup_job *cgroup, int orders, struct cupel_error *err)
{
    struct cgroup_limits before = group_limits(ctx->run, instance), limits = before;
    size_t wanted = cores_granted(&ctx->run->cores, &instance->job->limits);
    int r;

    if (wanted == 0)
        return 0;
    r = cores_take(&ctx->run->cores, wanted, orders, &ctx->cores, err);
    if (r < 0)
        return r;
    limits.cpus = ctx->cores.cpus;
    limits.mems = ctx->cores.nodes;
    return cgroup_job_change_limits(cgroup, &before, &limits, err);
}
