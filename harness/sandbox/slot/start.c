/* SPDX-License-Identifier: Apache-2.0 */
/* start: the slot's part of the set-up sequence, as a table: layers, disk, devices, inputs,
 * streams, clone, id maps, network; where a step fails, all of it goes away again. Not responsible
 * for PID 1's part (init/init.c), for what it says (listen.c), nor for the job once it runs
 * (started_job.c). */
#include "harness/sandbox/slot/start.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/dev_nodes.h"
#include "harness/sandbox/slot/inputs.h"
#include "harness/sandbox/slot/listen.h"
#include "harness/sandbox/slot/make_context.h"
#include "harness/sandbox/slot/network.h"
#include "harness/sandbox/slot/output_file.h"
#include "harness/sandbox/slot/snapshot.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/steps.h"
#include "harness/sandbox/slot/taken_layers.h"
#include "harness/sandbox/slot/upper.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

int start_said(struct start *s, enum start_said what, int r)
{
    s->said = what;
    return r;
}

/* ---- devices, inputs, streams ---- */

/* Makes mounts of the job's control groups that nobody can write through: what a job could change
 * there are its own limits, and which processes are held to them. */
static int start_cgroups(struct start *s)
{
    const struct mount_attr closed = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    struct init_given *given = &s->ctx->given;
    int r = 0;

    s->detail = "/sys/fs/cgroup";
    for (size_t i = 0; r == 0 && i < s->request->n_cgroups; i++) {
        int mount = mount_clone_fd(s->request->cgroups[i].dir);

        if (mount < 0)
            return mount;
        given->cgroups[given->n_cgroups++] =
            (struct sandbox_cgroup){.name = s->request->cgroups[i].name, .dir = mount};
        r = weakened("cgroup-view") ? 0 : mount_change(mount, &closed);
    }
    return r;
}

static int start_devices(struct start *s, struct cupel_error *err)
{
    int r;

    (void)err;
    s->detail = "/dev";
    r = devices_mount(s->stage->id_base, s->request->job->devices, s->stage->privilege.host,
                      &s->ctx->given.dev_mount);
    return r == 0 && s->request->n_cgroups > 0 ? start_cgroups(s) : r;
}

/* Whether the n jobs on top of which this one starts had another user. */
static bool had_other_user(const struct start *s, size_t n)
{
    uint32_t uid, gid;

    if (!request_user(s->request, &uid, &gid))
        return false;
    for (size_t i = 0; i < n; i++)
        if (s->request->below_ids[i].known &&
            (s->request->below_ids[i].uid != uid || s->request->below_ids[i].gid != gid))
            return true;
    return false;
}

/* What earlier jobs, or the kept one, made of an input lies on top of what the host has. */
static void set_layers_of_inputs(struct start *s)
{
    for (size_t i = 0; i < s->ctx->given.n_inputs; i++) {
        struct init_input *in = &s->ctx->given.inputs[i];
        size_t n = start_input_layers(s->request->job, i);
        char name[24];

        (void)snprintf(name, sizeof(name), "u%zu", i);
        if (in->cow && in->directory)
            in->below = layers_below(s->ctx, s->below_inputs, n, name);
        in->is_there = in->cow && !in->directory && (n > 0 || s->request->kept != NULL);
        in->given = s->request->job->inputs[i].owner == JOBS_OWNER_USER && had_other_user(s, n);
    }
}

/* The directory that an input is seen as belongs to who the host's belongs to, and may be what that
 * one may be. */
static int own_inputs(struct start *s)
{
    int fd = upper_fd(s->stage->upper);

    for (size_t i = 0; i < s->ctx->given.n_inputs; i++) {
        const struct init_input *in = &s->ctx->given.inputs[i];
        uint32_t base = s->stage->id_base;
        char path[64];

        if (!in->cow || !in->directory || start_input_layers(s->request->job, i) > 0)
            continue;
        s->detail = in->to;
        (void)snprintf(path, sizeof(path), "%s/u%zu", s->job.dir, i);
        if (fchownat(fd, path, base + in->uid, base + in->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(fd, path, in->mode, 0) < 0)
            return -errno;
    }
    return 0;
}

static int start_inputs(struct start *s, struct cupel_error *err)
{
    int r = inputs_open(s->stage, s->request, s->taken, s->job.dir, s->ctx, err);

    if (r < 0)
        return start_said(s, SAID_ALL, r);
    r = own_inputs(s);
    if (r == 0)
        set_layers_of_inputs(s);
    return r;
}

/* A socket of its own, since PID 1 may have to wait until its command is executed. */
static int make_hold(struct start *s)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    s->job.hold = ends[0];
    s->ctx->given.hold = ends[1];
    return 0;
}

/* One pipe for both, so that what is written to them stays in order. */
static int join_output(struct start *s)
{
    if (dup3(s->ctx->given.stdout_fd, s->ctx->given.stderr_fd, O_CLOEXEC) < 0)
        return -errno;
    base_closep(&s->job.err);
    return 0;
}

static int start_pipes(struct start *s, struct cupel_error *err)
{
    const struct sandbox_request *q = s->request;
    int r = streams_make(q->stdio, s->stage->id_base, q->late ? NULL : q->stdin_data, q->stdin_len,
                         q->stdin_file, s->ctx, &s->job);

    (void)err;
    if (r == 0 && q->one_output)
        r = join_output(s);
    if (r == 0 && q->output_file > 0)
        r = output_file_make(q->output_file, s->stage->id_base, &s->ctx->given.stdout_file,
                             &s->job.output_file);
    if (r == 0 && q->late && q->stdin_data != NULL)
        r = streams_make_late(s->ctx, &s->job);
    if (r == 0 && q->late && s->stage->late == NULL)
        r = -ENOMEM;
    if (r == 0 && q->hold)
        r = make_hold(s);
    if (r == 0)
        listen_begin(&s->job, (unsigned)q->job->n_steps + (q->job->after != NULL), q->job->goes_on);
    return r;
}

/* ---- what else PID 1 finds in its memory ---- */

static void fill_context(struct start *s, struct init_context *ctx)
{
    context_make(ctx, s->request->job, s->request->stdio, s->request->rows, s->request->columns);
    ctx->given.enter = s->request->enter;
    ctx->given.n_enter = s->request->n_enter;
    ctx->given.arguments = s->stage->arguments;
    ctx->given.arguments_len = s->stage->arguments_len;
    ctx->given.fault = s->stage->fault;
    ctx->given.privilege = s->stage->privilege;
    ctx->given.landlock_abi = s->stage->landlock_abi;
    ctx->given.lends_memory = s->stage->lends_memory;
    ctx->given.user = s->request->user;
    ctx->given.progress = s->stage->progress;
    ctx->given.late = s->request->late ? s->stage->late : NULL;
    s->job.progress = s->stage->progress;
    if (s->job.progress != NULL) /* of an earlier job, until PID 1 runs */
        atomic_store_explicit(&s->stage->progress->at, 0, memory_order_relaxed);
    if (s->request->kept != NULL) {
        ctx->given.has_ids = true;
        ctx->uid = s->request->kept->uid;
        ctx->gid = s->request->kept->gid;
    }
}

/* ---- network ---- */

static int start_network(struct start *s, struct cupel_error *err)
{
    return start_said(s, SAID_CAUSE,
                      network_connect(s->stage, s->request, s->ctx->given.resolver, &s->job, err));
}

/* ---- the steps in the slot, read top to bottom; PID 1's are in init.c ---- */

static const struct {
    enum setup_step step;
    start_fn *run;
} start_table[] = {
    {SETUP_ID_MAP_LAYERS, start_layers}, /* the root's and the earlier jobs', in the stage */
    {SETUP_UPPER, start_disk},           /* the disk, with the job's directories on it */
    {SETUP_DEVICES, start_devices},      /* its /dev */
    {SETUP_INPUTS, start_inputs},        /* opened, id-mapped or copied */
    {SETUP_PIPES, start_pipes},          /* its streams, and the control socket */
    {SETUP_CLONE, start_clone},          /* from here on PID 1 waits */
    {SETUP_ID_MAP, start_id_map},        /* and what is held of its namespaces */
    {SETUP_NETWORK, start_network},
};

static int run_steps(struct start *s, struct cupel_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(start_table); i++) {
        enum setup_step step = start_table[i].step;
        int r;

        s->said = SAID_NOTHING;
        s->detail = NULL;
        progress_note(s->stage->progress, step, 0);
        r = start_table[i].run(s, err);
        if (r == 0 && s->stage->fault == (int)step) {
            r = cupel_error_set(err, CUPEL_ERROR_HARNESS, EIO, "an injected fault");
            s->said = SAID_CAUSE;
        }
        if (r < 0 && s->said == SAID_NOTHING)
            (void)steps_error(err, step, r, s->detail);
        if (r < 0 && s->said == SAID_CAUSE)
            steps_name(err, step);
        if (r < 0)
            return r;
    }
    progress_note(s->stage->progress, PROGRESS_SLOT_DONE, 0);
    sandbox_continue(&s->job); /* until now PID 1 has waited */
    return 0;
}

/* What PID 1 says of its own end is nearer to the cause than what the slot then did not find of it.
 */
static void prefer_report(struct start *s, struct cupel_error *err)
{
    struct sandbox_event e;

    if (s->job.pid <= 0 || sandbox_receive(&s->job, &e) <= 0 || e.kind != SANDBOX_SETUP_FAILED)
        return;
    (void)sandbox_setup_error(&e, err);
}

int sandbox_start(struct sandbox_stage *stage, const struct sandbox_request *request,
                  struct sandbox_job *ret_job, struct cupel_error *err)
{
    cleanup_free char *resolver = network_resolver(request->job), *hosts = network_hosts(request);
    struct init_context ctx;
    struct start s = {.stage = stage, .request = request, .job = SANDBOX_JOB_INIT, .ctx = &ctx};
    int r;

    fill_context(&s, &ctx);
    context_set_env(&ctx, request->env);
    ctx.given.secrets = request->secrets;
    ctx.given.n_secrets = request->n_secrets;
    ctx.given.hosts = hosts;
    ctx.given.resolver = resolver;
    if (stage->progress != NULL && stage->progress->traced)
        memset(stage->progress->at_ns, 0, sizeof(stage->progress->at_ns));
    r = run_steps(&s, err);
    context_free(&ctx);
    taken_free(s.taken, request->job->n_inputs);
    if (r < 0) {
        struct cupel_error ignored;

        prefer_report(&s, err);
        if (s.job.pid > 0) {
            sandbox_kill(&s.job);
            sandbox_reap(&s.job);
        }
        if (!s.has_dir)
            s.job.dir[0] = '\0';
        (void)sandbox_finish(stage, &s.job, &ignored); /* the first error is the one to tell */
        return r;
    }
    *ret_job = s.job;
    return 0;
}
