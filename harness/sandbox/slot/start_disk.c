/* SPDX-License-Identifier: Apache-2.0 */
/* start_disk: the first steps of start.c's table: what lies under the job's root in the stage, the
 * disk with the job's directories on it, and how much set-up takes of that. Not responsible for the
 * disk itself (upper.c). */
#include "base/weaken.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/slot/copies.h"
#include "harness/sandbox/slot/hostroot.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/inputs.h"
#include "harness/sandbox/slot/keep.h"
#include "harness/sandbox/slot/own_layer.h"
#include "harness/sandbox/slot/refusals.h"
#include "harness/sandbox/slot/snapshot.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/start.h"
#include "harness/sandbox/slot/steps.h"
#include "harness/sandbox/slot/taken_layers.h"
#include "harness/sandbox/slot/upper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

/* What set-up itself may take of the disk; what is left of it is taken away from an exact one
 * before the job starts. */
static uint64_t set_up_shares(const struct jobs_job *job, const struct sandbox_hidden *hidden,
                              uint64_t more, uint64_t *ret_copying_ns)
{
    return 1 + job->n_inputs / UPPER_INPUTS_A_SHARE +
           copies_shares(job, sandbox_disk_is_exact(&job->limits), hidden, more, ret_copying_ns);
}

uint64_t sandbox_disk_space(const struct jobs_job *job, const struct sandbox_hidden *hidden)
{
    uint64_t bytes, inodes, copying_ns;

    sandbox_disk_limits(&job->limits, &bytes, &inodes);
    return upper_space(bytes, inodes, set_up_shares(job, hidden, 0, &copying_ns));
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

size_t start_input_layers(const struct jobs_job *job, size_t input)
{
    return job->depth - job->inputs[input].depth;
}

/* Begins, without that wall, with what an earlier job left in its root; overlayfs takes no work
 * directory twice. */
static int use_old_dirs(struct start *s, int dirfd)
{
    cleanup_free char *work = xasprintf("%s/w", s->job.dir);
    int r = file_remove_tree_at(dirfd, work);

    s->has_dir = true;
    return r < 0 ? r : make_owned_dir(dirfd, work, 0700, s->stage->id_base);
}

/* A name that says nothing: the job finds it in /proc/self/mountinfo, and a number would tell how
 * many jobs the slot had before. */
static int name_dir(struct start *s)
{
    uint64_t random = 0;

    s->stage->serial++;
    if (!weakened("fresh-layer") &&
        getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        return -errno;
    (void)snprintf(s->job.dir, sizeof(s->job.dir), "j%016llx", (unsigned long long)random);
    return 0;
}

/* An upper and a work directory for the root, and for each copy-on-write input. */
static int make_job_dirs(struct start *s)
{
    const struct jobs_job *job = s->request->job;
    int fd = upper_fd(s->stage->upper), r = name_dir(s);
    uint32_t id = s->stage->id_base;
    char path[64];

    if (r < 0)
        return r;
    r = make_owned_dir(fd, s->job.dir, 0700, id);
    if (r == -EEXIST && weakened("fresh-layer"))
        return use_old_dirs(s, fd);
    if (r < 0)
        return r;
    s->has_dir = true;
    for (int i = -1; r == 0 && i < (int)job->n_inputs; i++) {
        char tail[16] = "";

        if (i >= 0 && job->inputs[i].mode == JOBS_INPUT_RO)
            continue;
        if (i >= 0)
            (void)snprintf(tail, sizeof(tail), "%d", i);
        if (i >= 0 && i < 64)
            s->job.written_inputs |= UINT64_C(1) << i;
        (void)snprintf(path, sizeof(path), "%s/u%s", s->job.dir, tail);
        r = make_upper(s, fd, path, path + strlen(s->job.dir) + 1,
                       i >= 0 ? s->below_inputs : s->below,
                       i >= 0 ? start_input_layers(job, (size_t)i) : job->depth);
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

int start_layers(struct start *s, struct cupel_error *err)
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
    if (r < 0)
        return start_said(s, SAID_CAUSE, r);
    r = taken_find(s->stage, s->request, &s->taken, err);
    /* what that job left is no error of ours */
    return start_said(s, r == -EUCLEAN ? SAID_ALL : SAID_CAUSE, r);
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

/* What lies over the root's own layers: what is the job's own, and what earlier jobs wrote. */
static char *layers_above(struct start *s)
{
    cleanup_free char *earlier = layers_below(s->ctx, s->below, s->request->job->depth, "u");
    const struct sandbox_user *user = s->request->user;
    struct own_files own = {.hosts = s->ctx->given.hosts, .resolver = s->ctx->given.resolver};
    char path[OWN_LAYER_SIZE];

    if (user != NULL && !s->ctx->given.env_has_home) {
        own.home = user->home;
        own.uid = user->uid;
        own.gid = user->gid;
    }
    s->ctx->given.etc_is_laid = own_layer_lay(s->stage, s->request, s->below, &own, path);
    return s->ctx->given.etc_is_laid ? xasprintf("%s:%s", path, earlier) : steal_ptr(earlier);
}

static int list_layers(struct start *s)
{
    cleanup_free char *below = layers_above(s);
    char *p = s->ctx->given.lowerdir;
    const size_t size = sizeof(s->ctx->given.lowerdir), own = strlen(below);
    size_t used = own;

    if (used + sizeof("0/base") > size)
        return -E2BIG;
    memcpy(p, below, used + 1);
    if (s->ctx->given.views != NULL) {
        (void)snprintf(p + used, size - used, "0/base");
        return 0;
    }
    for (size_t i = 0; i < s->request->n_layers; i++) {
        bool is_mask = s->request->masked && i == 0;
        int n;

        if (is_mask && weakened("host-mask"))
            continue;
        n = is_mask ? snprintf(p + used, size - used, "0/top:0/mid")
                    : snprintf(p + used, size - used, "%s%zu", used == own ? "" : ":", i);

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
        return start_said(s, SAID_ALL,
                          steps_error(err, SETUP_OVERLAY, E2BIG, "the list of layers"));
    return 0;
}

static int attach_disk(struct start *s, bool exact, struct cupel_error *err)
{
    const struct jobs_limits *limits = &s->request->job->limits;
    uint64_t bytes, inodes, more = taken_copied(s->taken, s->request->job);
    int r = s->request->kept != NULL ? stage_attach_kept(s->stage, s->request->kept, err) : 0;

    sandbox_disk_limits(limits, &bytes, &inodes);
    if (r == 0)
        r = stage_attach_upper(
            s->stage, bytes, inodes,
            set_up_shares(s->request->job, s->stage->hidden, more, &s->job.copying_ns), exact,
            jobs_limit_is_set(limits, JOBS_LIMIT_DISK), err);
    return start_said(s, SAID_CAUSE, r);
}

int start_disk(struct start *s, struct cupel_error *err)
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
    return r < 0 ? start_said(s, SAID_NOTHING, r) : name_layers(s, err);
}
