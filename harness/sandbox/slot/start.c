/* SPDX-License-Identifier: Apache-2.0 */
/* start: the slot's part of the set-up sequence, as a table: layers, disk, devices, inputs,
 * streams, clone, id maps, network; where a step fails, all of it goes away again. Not responsible
 * for PID 1's part (init/init.c), for what it says (listen.c), nor for the job once it runs
 * (started_job.c). */
#include "harness/sandbox/init/device_table.h"
#include "harness/sandbox/init/init.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/copies.h"
#include "harness/sandbox/slot/dev_nodes.h"
#include "harness/sandbox/slot/hostroot.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/inputs.h"
#include "harness/sandbox/slot/keep.h"
#include "harness/sandbox/slot/listen.h"
#include "harness/sandbox/slot/make_context.h"
#include "harness/sandbox/slot/namespaces.h"
#include "harness/sandbox/slot/network.h"
#include "harness/sandbox/slot/oom_order.h"
#include "harness/sandbox/slot/own_layer.h"
#include "harness/sandbox/slot/owner.h"
#include "harness/sandbox/slot/refusals.h"
#include "harness/sandbox/slot/seccomp.h"
#include "harness/sandbox/slot/snapshot.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"
#include "harness/sandbox/slot/steps.h"
#include "harness/sandbox/slot/upper.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Everything of one start that has to go away again when a later step fails. */
struct start {
    struct sandbox_stage *stage;
    const struct sandbox_request *request;
    struct sandbox_job job;
    struct init_context *ctx;
    /* where in the stage the snapshots under the job are, top first */
    size_t below[JOBS_FROM_DEPTH_MAX];
    /* the same, for what is in inputs: their owner is the job's user */
    size_t below_inputs[JOBS_FROM_DEPTH_MAX];
    bool has_dir;
    /* of a step that fails: what *err has already (the cause alone, or the step's name as well),
     * and what it was about */
    enum said { SAID_NOTHING, SAID_CAUSE, SAID_ALL } said;
    const char *detail;
    char path[64]; /* for `detail` to point to */
};

/* A step returns 0 or a negative errno. Where it has said nothing, run_steps makes the error of
 * that and of s->detail. */
typedef int start_fn(struct start *s, struct cupel_error *err);

static int said(struct start *s, enum said what, int r)
{
    s->said = what;
    return r;
}

/* ---- disk ---- */

/* What set-up itself may take of the disk; what is left of it is taken away from an exact one
 * before the job starts. */
static uint64_t set_up_shares(const struct jobs_job *job, const struct sandbox_hidden *hidden,
                              uint64_t *ret_copying_ns)
{
    return 1 + job->n_inputs / UPPER_INPUTS_A_SHARE +
           copies_shares(job, sandbox_disk_is_exact(&job->limits), hidden, ret_copying_ns);
}

uint64_t sandbox_disk_space(const struct jobs_job *job, const struct sandbox_hidden *hidden)
{
    uint64_t bytes, inodes, copying_ns;

    sandbox_disk_limits(&job->limits, &bytes, &inodes);
    return upper_space(bytes, inodes, set_up_shares(job, hidden, &copying_ns));
}

static int make_owned_dir(int dirfd, const char *path, mode_t mode, uint32_t id)
{
    if (mkdirat(dirfd, path, mode) < 0 || fchownat(dirfd, path, id, id, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

/* An overlay's own directory is that of its top layer: where there is one below, it stays what the
 * earlier job made of it. */
static int make_upper(struct start *s, int dirfd, const char *path, const char *name,
                      const size_t *below_at, size_t n_below)
{
    int below = n_below > 0 ? s->stage->snapshots[below_at[0]].mount : -EBADF;
    struct stat st;
    int r = make_owned_dir(dirfd, path, 0755, s->stage->id_base);

    if (r < 0 || below < 0)
        return r;
    if (fstatat(below, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchownat(dirfd, path, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(dirfd, path, st.st_mode & 07777, 0) < 0)
        return -errno;
    return 0;
}

/* How many of the snapshots have a layer of this input. */
static size_t input_layers(const struct jobs_job *job, size_t input)
{
    return job->depth - job->inputs[input].depth;
}

/* An upper and a work directory for the root, and for each copy-on-write input. */
static int make_job_dirs(struct start *s)
{
    const struct jobs_job *job = s->request->job;
    int fd = upper_fd(s->stage->upper), r;
    uint32_t id = s->stage->id_base;
    char path[64];

    (void)snprintf(s->job.dir, sizeof(s->job.dir), "j%llu", (unsigned long long)s->stage->serial++);
    r = make_owned_dir(fd, s->job.dir, 0700, id);
    if (r < 0)
        return r;
    s->has_dir = true;
    for (int i = -1; r == 0 && i < (int)job->n_inputs; i++) {
        char tail[16] = "";

        if (i >= 0 && job->inputs[i].mode == JOBS_INPUT_RO)
            continue;
        if (i >= 0)
            (void)snprintf(tail, sizeof(tail), "%d", i);
        (void)snprintf(path, sizeof(path), "%s/u%s", s->job.dir, tail);
        r = make_upper(s, fd, path, path + strlen(s->job.dir) + 1,
                       i >= 0 ? s->below_inputs : s->below,
                       i >= 0 ? input_layers(job, (size_t)i) : job->depth);
        if (r < 0)
            break;
        (void)snprintf(path, sizeof(path), "%s/w%s", s->job.dir, tail);
        r = make_owned_dir(fd, path, 0700, id);
    }
    return r;
}

static void trim_later(struct start *s)
{
    const struct jobs_limits *l = &s->request->job->limits;

    s->job.trims = s->stage->upper;
    s->job.trim_bytes =
        jobs_limit_is_set(l, JOBS_LIMIT_DISK) ? l->value[JOBS_LIMIT_DISK] : UINT64_MAX;
    s->job.trim_inodes =
        jobs_limit_is_set(l, JOBS_LIMIT_INODES) ? l->value[JOBS_LIMIT_INODES] : UINT64_MAX;
    s->ctx->given.trims_by_slot = true;
}

/* What the inputs of an earlier job belong to is its user's; now it is this one's. */
static struct owner_change change_below(const struct start *s, size_t i)
{
    const struct sandbox_ids *was = &s->request->below_ids[i];
    uint32_t uid, gid;

    if (!was->known || !s->stage->privilege.host || !request_user(s->request, &uid, &gid))
        return (struct owner_change){0};
    return (struct owner_change){.uid = {was->uid, uid}, .gid = {was->gid, gid}};
}

static int start_layers(struct start *s, struct cupel_error *err)
{
    static const struct owner_change none;
    int r = stage_attach_root(s->stage, s->request->root, s->request->layers, s->request->n_layers,
                              s->request->masked, err);

    for (size_t i = 0; r == 0 && i < s->request->job->depth; i++) {
        struct owner_change change = change_below(s, i);

        r = stage_attach_snapshot(s->stage, s->request->below[i], &none, &s->below[i], err);
        s->below_inputs[i] = s->below[i];
        if (r == 0 && !owner_change_is_none(&change))
            r = stage_attach_snapshot(s->stage, s->request->below[i], &change, &s->below_inputs[i],
                                      err);
    }
    return said(s, SAID_CAUSE, r);
}

/* No limit of the job counts its set-up, but its wall limit says how long anybody is willing to
 * wait. */
static uint64_t copying_ends(const struct jobs_limits *limits, uint64_t copying_ns)
{
    uint64_t end = clock_monotonic_ns();

    if (!jobs_limit_is_set(limits, JOBS_LIMIT_WALL) ||
        __builtin_add_overflow(end, limits->value[JOBS_LIMIT_WALL] + SANDBOX_SET_UP_NS, &end) ||
        __builtin_add_overflow(end, copying_ns, &end))
        return UINT64_MAX;
    return end;
}

/* What lies over the root's own layers: what earlier jobs wrote, or else what is the job's own. */
static char *layers_above(struct start *s)
{
    const struct sandbox_user *user = s->request->user;
    struct own_files own = {.hosts = s->ctx->given.hosts, .resolver = s->ctx->given.resolver};
    char path[OWN_LAYER_SIZE];

    if (user != NULL && !s->ctx->given.env_has_home) {
        own.home = user->home;
        own.uid = user->uid;
        own.gid = user->gid;
    }
    s->ctx->given.etc_is_laid = own_layer_lay(s->stage, s->request, &own, path);
    return s->ctx->given.etc_is_laid ? xasprintf("%s:", path)
                                     : layers_below(s->ctx, s->below, s->request->job->depth, "u");
}

static int list_layers(struct start *s)
{
    cleanup_free char *below = layers_above(s);
    char *p = s->ctx->given.lowerdir;
    size_t size = sizeof(s->ctx->given.lowerdir), used = strlen(below);

    if (used + sizeof("0/base") > size)
        return -E2BIG;
    memcpy(p, below, used + 1);
    if (s->ctx->given.views != NULL) {
        (void)snprintf(p + used, size - used, "0/base");
        return 0;
    }
    for (size_t i = 0; i < s->request->n_layers; i++) {
        int n = s->request->masked && i == 0
                    ? snprintf(p + used, size - used, "0/top:0/mid")
                    : snprintf(p + used, size - used, "%s%zu", i == 0 ? "" : ":", i);

        if (n < 0 || (size_t)n >= size - used)
            return -E2BIG;
        used += (size_t)n;
    }
    return 0;
}

/* Tells PID 1 where in the stage its layers are. */
static int name_layers(struct start *s, struct cupel_error *err)
{
    (void)snprintf(s->ctx->given.lower, sizeof(s->ctx->given.lower), "/lower/%zu",
                   s->request->root);
    (void)snprintf(s->ctx->given.upper, sizeof(s->ctx->given.upper), "/upper/%s", s->job.dir);
    s->ctx->given.views = hostroot_views(s->stage, s->request->root);
    if (s->request->kept != NULL)
        (void)snprintf(s->ctx->given.kept, sizeof(s->ctx->given.kept), "/kept/%s",
                       s->request->kept->dir);
    if (list_layers(s) < 0)
        return said(s, SAID_ALL, steps_error(err, SETUP_OVERLAY, E2BIG, "the list of layers"));
    return 0;
}

static int attach_disk(struct start *s, bool exact, struct cupel_error *err)
{
    const struct jobs_limits *limits = &s->request->job->limits;
    uint64_t bytes, inodes;
    int r = s->request->kept != NULL ? stage_attach_kept(s->stage, s->request->kept, err) : 0;

    sandbox_disk_limits(limits, &bytes, &inodes);
    if (r == 0)
        r = stage_attach_upper(s->stage, bytes, inodes,
                               set_up_shares(s->request->job, s->stage->hidden, &s->job.copying_ns),
                               exact, jobs_limit_is_set(limits, JOBS_LIMIT_DISK), err);
    return said(s, SAID_CAUSE, r);
}

static int start_disk(struct start *s, struct cupel_error *err)
{
    bool exact = sandbox_disk_is_exact(&s->request->job->limits);
    int r = attach_disk(s, exact, err);

    if (r < 0)
        return r;
    s->stage->copying_until = copying_ends(&s->request->job->limits, s->job.copying_ns);
    r = upper_statistics(s->stage->upper, &s->job.disk_before, &s->job.inodes_before);
    refusals_count(&s->stage->refusals, &s->job.writes_refused_before,
                   &s->job.inodes_refused_before);
    if (r == 0 && s->stage->upper->kind == UPPER_MEMORY && exact)
        trim_later(s);
    if (r == 0 || r == -ENODATA)
        r = make_job_dirs(s);
    s->detail = "the job's directories";
    return r < 0 ? said(s, SAID_NOTHING, r) : name_layers(s, err);
}

/* ---- devices, inputs, streams ---- */

static int start_devices(struct start *s, struct cupel_error *err)
{
    (void)err;
    s->detail = "/dev";
    return devices_mount(s->stage->id_base, s->request->job->devices, s->stage->privilege.host,
                         &s->ctx->given.dev_mount);
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
        size_t n = input_layers(s->request->job, i);
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

        if (!in->cow || !in->directory || input_layers(s->request->job, i) > 0)
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
    int r = inputs_open(s->stage, s->request, s->job.dir, s->ctx, err);

    if (r < 0)
        return said(s, SAID_ALL, r);
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
    if (s->request->kept != NULL) {
        ctx->given.has_ids = true;
        ctx->uid = s->request->kept->uid;
        ctx->gid = s->request->kept->gid;
    }
}

/* ---- clone ---- */

static uint64_t clone_flags(const struct jobs_job *job)
{
    uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
                     CLONE_NEWCGROUP | CLONE_NEWTIME;

    if (weakened("ipc-namespace"))
        flags &= ~(uint64_t)CLONE_NEWIPC;
    if (weakened("user-namespace"))
        flags &= ~(uint64_t)CLONE_NEWUSER;
    return job->network == JOBS_NETWORK_HOST ? flags : flags | CLONE_NEWNET;
}

/* Clones PID 1 as the owner of the namespaces, which the slot is until it is there. */
static int clone_owned(struct start *s, struct clone_args *args, long *ret_pid)
{
    struct owner owner;
    int r = owner_become(s->stage, &owner), back;

    *ret_pid = r < 0 ? -1 : syscall(SYS_clone3, args, sizeof(*args));
    if (*ret_pid == 0)
        init_main(s->ctx);
    if (r == 0 && *ret_pid < 0)
        r = -errno;
    back = owner_leave(&owner);
    if (back < 0) {
        log_warning("a slot cannot become root again: %s", strerror(-back));
        _exit(CUPEL_ERROR_HARNESS);
    }
    return r;
}

static int clone_error(int r, struct cupel_error *err)
{
    (void)steps_error(err, SETUP_CLONE, r, NULL);
    if (r == -EPERM || r == -ENOSPC)
        cupel_error_hint(
            err, "user namespaces may be off or used up: see /proc/sys/user/max_user_namespaces");
    return r;
}

static int start_clone(struct start *s, struct cupel_error *err)
{
    struct clone_args args = {
        .flags = clone_flags(s->request->job) | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&s->job.pidfd,
        .exit_signal = SIGCHLD,
    };
    long pid = -1;
    int r =
        filter_program(s->request->filter, &s->ctx->given.filter, &s->ctx->given.filter_lets_wait);

    if (weakened("shm") &&
        devices_has(s->request->job->devices, JOBS_DEVICE_SHM)) /* the host's, for every job */
        s->ctx->shm_mount = mount_clone(AT_FDCWD, "/dev/shm", 0);
    if (r == 0)
        r = stage_enter(s->stage);
    if (r < 0)
        return r;
    r = clone_owned(s, &args, &pid);
    stage_leave(s->stage);
    if (pid > 0) {
        s->job.pid = (pid_t)pid;
        oom_order_begin(&s->job, s->stage->oom);
    }
    return r < 0 ? said(s, SAID_ALL, clone_error(r, err)) : 0;
}

/* Writes the id maps, which PID 1 waits for. One that is gone already has said why. */
static int write_id_maps(struct start *s, struct cupel_error *err)
{
    static const char *const files[] = {"uid_map", "gid_map"};

    for (size_t i = 0; i < ARRAY_SIZE(files) && !weakened("user-namespace"); i++) {
        struct sandbox_event e;
        int r;

        (void)snprintf(s->path, sizeof(s->path), "/proc/%d/%s", (int)s->job.pid, files[i]);
        s->detail = s->path;
        r = file_put_at(AT_FDCWD, s->path, s->stage->maps[i]);
        if (r < 0 && sandbox_receive(&s->job, &e) > 0 && e.kind == SANDBOX_SETUP_FAILED)
            return said(s, SAID_ALL, sandbox_setup_error(&e, err));
        if (r < 0)
            return r;
    }
    return 0;
}

/* What is held of the job's namespaces beyond PID 1's end. */
static int start_id_map(struct start *s, struct cupel_error *err)
{
    int r = write_id_maps(s, err);

    if (r == 0 && !s->stage->privilege.host)
        r = namespaces_hold(&s->job, s->request->job->network != JOBS_NETWORK_HOST, &s->detail);
    if (r < 0 || s->request->job->artifacts.patterns == NULL)
        return r;
    (void)snprintf(s->path, sizeof(s->path), "/proc/%d/ns/mnt", (int)s->job.pid);
    s->detail = s->path;
    s->job.mount_ns = open(s->path, O_RDONLY | O_CLOEXEC);
    return s->job.mount_ns < 0 ? -errno : 0;
}

static int start_network(struct start *s, struct cupel_error *err)
{
    return said(s, SAID_CAUSE,
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
        progress_note(s->stage->progress, step);
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
    progress_note(s->stage->progress, PROGRESS_SLOT_DONE);
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
