/* SPDX-License-Identifier: Apache-2.0 */
/* inputs: a job's inputs opened by the slot: on the host's side of things, where paths are the
 * user's own. PID 1 attaches them (mounts.c). */
#include "harness/sandbox/slot/inputs.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/copies.h"
#include "harness/sandbox/slot/excluded.h"
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/slot/host_placeholders.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"
#include "harness/sandbox/slot/steps.h"
#include "harness/sandbox/slot/submission.h"
#include "harness/sandbox/slot/taken_layers.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Owners beyond the mapped range become the job's root. */
static uint32_t mapped_id(const struct sandbox_stage *s, uint32_t id)
{
    return id < s->privilege.ids ? id : 0;
}

bool request_user(const struct sandbox_request *request, uint32_t *ret_uid, uint32_t *ret_gid)
{
    const char *user = request->job->user;

    *ret_uid = *ret_gid = 0;
    if (request->kept != NULL) {
        *ret_uid = request->kept->uid;
        *ret_gid = request->kept->gid;
        return true;
    }
    if (request->user != NULL) {
        *ret_uid = request->user->uid;
        *ret_gid = request->user->gid;
        return true;
    }
    return str_eq(user, "root") || str_eq(user, "0:0");
}

/* What belongs to the host's owner belongs to the job's user. */
static struct owner_change change_of(const struct sandbox_request *request,
                                     const struct jobs_input *in, const struct stat *st)
{
    uint32_t uid, gid;

    if (in->owner == JOBS_OWNER_HOST || !request_user(request, &uid, &gid))
        return (struct owner_change){0};
    return (struct owner_change){.uid = {st->st_uid, uid}, .gid = {st->st_gid, gid}};
}

static int clone_input(struct sandbox_stage *s, int fd, const struct owner_change *change,
                       int *ret_mount)
{
    int id_map = s->id_map, r = 0;

    if (s->privilege.host && !owner_change_is_none(change)) /* else the kernel maps no owners */
        r = id_maps_get(&s->id_maps, 0, s->id_base, change, &id_map);
    return r < 0 ? r : stage_clone_owned(s, fd, MOUNT_ATTR_NOSUID, id_map, ret_mount);
}

int input_clone(struct sandbox_stage *s, const struct sandbox_request *request,
                const struct jobs_input *in, int fd, int *ret_mount)
{
    struct owner_change change;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    change = change_of(request, in, &st);
    return clone_input(s, fd, &change, ret_mount);
}

/* A read-only file is taken out of its directory: path and name are split here. Where no link is
 * followed, the directory is opened in the same way as the file was. */
int input_open_directory(const struct jobs_host_path *path, char **ret_name)
{
    bool follows = path->path[path->trusted] == '\0';
    cleanup_free char *dir = follows ? realpath(path->path, NULL) : xstrdup(path->path);
    char *slash = dir != NULL ? strrchr(dir, '/') : NULL;
    size_t length;

    if (slash == NULL)
        return -errno;
    *ret_name = xstrdup(slash + 1);
    slash[slash == dir] = '\0';
    length = strlen(dir);
    return file_open_trusted(dir, follows || path->trusted > length ? length : path->trusted,
                             O_PATH | O_DIRECTORY);
}

/* Whose it is in the job. */
static void set_owner(const struct sandbox_stage *s, const struct jobs_input *in,
                      const struct stat *st, const struct sandbox_request *request,
                      struct init_input *to)
{
    uint32_t uid, gid;

    to->uid = mapped_id(s, st->st_uid);
    to->gid = mapped_id(s, st->st_gid);
    if (in->owner == JOBS_OWNER_USER && request_user(request, &uid, &gid)) {
        to->uid = uid;
        to->gid = gid;
    }
}

static int clone_directory(struct sandbox_stage *s, size_t i, const struct jobs_input *in, int fd,
                           const struct stat *st, const struct owner_change *change,
                           struct init_input *to)
{
    int r = clone_input(s, fd, change, &to->mount);

    if (r >= 0)
        r = hidden_lay_over_input(s, i, st, to->mount, &to->hides);
    return r < 0 ? r : excluded_lay_over_input(s, i, in, to->mount, &to->hides);
}

/* What an earlier run saved, or nothing yet. */
static int open_cached(struct sandbox_stage *s, const struct sandbox_request *request, size_t i,
                       struct init_input *to)
{
    static const struct owner_change none;
    const struct sandbox_cached *from = request->cached != NULL ? &request->cached[i] : NULL;
    uint32_t uid, gid;
    struct stat st;

    if (from == NULL || fstat(from->tree, &st) < 0)
        return from == NULL ? -ENODATA : -errno;
    *to = (struct init_input){.to = request->job->inputs[i].to,
                              .mount = -EBADF,
                              .file = -EBADF,
                              .mode = st.st_mode & 07777,
                              .uid = mapped_id(s, st.st_uid),
                              .gid = mapped_id(s, st.st_gid),
                              .directory = true,
                              .cow = true};
    if (from->fresh && request_user(request, &uid, &gid)) {
        to->uid = uid;
        to->gid = gid;
    }
    return clone_input(s, from->tree, &none, &to->mount);
}

static int open_input(struct sandbox_stage *s, const struct sandbox_request *request,
                      const struct taken *taken, size_t i, struct init_input *to,
                      struct cupel_error *err)
{
    const struct jobs_input *in = &request->job->inputs[i];
    cleanup_close int fd = -EBADF, directory = -EBADF;
    struct owner_change change;
    struct stat st;
    int r;

    if (in->cache > 0)
        return open_cached(s, request, i, to);
    if (in->job > 0)
        return taken_open(s, request, &taken[i], i, to, err);
    r = host_path_open(&in->host, "input", O_PATH, &fd, err);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return -EINVAL;
    *to = (struct init_input){.to = in->to,
                              .mount = -EBADF,
                              .file = -EBADF,
                              .mode = st.st_mode & 07777,
                              .directory = S_ISDIR(st.st_mode),
                              .cow = in->mode != JOBS_INPUT_RO,
                              .copied = in->mode == JOBS_INPUT_COPY && S_ISDIR(st.st_mode)};
    change = change_of(request, in, &st);
    set_owner(s, in, &st, request, to);
    to->most = submission_file_max(in);
    r = submission_check(fd, in, false, err);
    if (r < 0 || to->copied)
        return r;
    if (to->directory)
        return clone_directory(s, i, in, fd, &st, &change, to);
    if (to->cow) {
        r = host_path_open(&in->host, "input", O_RDONLY | O_NOCTTY | O_NONBLOCK, &to->file, err);
        return r < 0 ? r : submission_check(to->file, in, false, err); /* it is opened anew */
    }
    directory = input_open_directory(&in->host, &to->name);
    return directory < 0 ? directory : clone_input(s, directory, &change, &to->mount);
}

static int late_copy(const struct jobs_input *in, struct cupel_error *err)
{
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "copying the input '%s' to the job's disk was not done in time: its wall limit, %u s for "
        "set-up, and a second for each 8 MiB or 200 files",
        in->from, (unsigned)(SANDBOX_SET_UP_NS / NSEC_PER_SEC));
    cupel_error_hint(
        err, "that disk, or the store's, is very slow; with the mode ro or cow nothing is copied");
    return -EUCLEAN;
}

static int copy_input(struct sandbox_stage *s, const struct sandbox_request *request, size_t i,
                      const char *job_dir, struct cupel_error *err)
{
    const struct jobs_input *in = &request->job->inputs[i];
    cleanup_close int fd = -EBADF;
    struct owner_change change;
    struct stat st;
    int r = host_path_open(&in->host, "input", O_RDONLY | O_DIRECTORY, &fd, err);

    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return -errno;
    change = change_of(request, in, &st);
    r = submission_check(fd, in, false, err); /* it is opened anew */
    if (r == 0)
        r = copies_make(s, fd, in, &change, job_dir, i, s->copying_until);
    if (r == 0) /* and may have changed since; the copy does not */
        r = copies_check(s, in, job_dir, i, err);
    return r == -ETIMEDOUT ? late_copy(in, err) : r;
}

static int input_error(const struct sandbox_stage *s, int r, const char *path,
                       struct cupel_error *err)
{
    if (r == -EUCLEAN) /* said already, and no error of ours */
        return r;
    (void)steps_error(err, SETUP_INPUTS, r, path);
    if (r == -EINVAL && !s->privilege.host)
        cupel_error_hint(err, "is another file system mounted somewhere in it? Without root the "
                              "kernel shows none of it then: name "
                              "directories beside the mount, or start cupel as root");
    return r;
}

/* Where PID 1 attaches it. Made when the first job has so many inputs, not all of them for every
 * run. */
static int make_place(const struct sandbox_stage *s, size_t i)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "in/%zu", i);
    return mkdirat(s->tmpfs, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int inputs_open(struct sandbox_stage *s, const struct sandbox_request *request,
                const struct taken *taken, const char *job_dir, struct init_context *ctx,
                struct cupel_error *err)
{
    const struct jobs_job *job = request->job;
    const char *path = NULL;
    int r;

    if (job->n_inputs > INPUTS_MAX)
        return input_error(s, -E2BIG, "too many inputs", err);
    if (job->n_inputs > 0) {
        ctx->given.inputs = xcalloc(job->n_inputs, sizeof(*ctx->given.inputs));
        ctx->input_mount = xcalloc(job->n_inputs, sizeof(*ctx->input_mount));
    }
    for (size_t i = 0; i < job->n_inputs; i++) {
        ctx->given.inputs[i] = (struct init_input){.mount = -EBADF, .file = -EBADF};
        ctx->input_mount[i] = -EBADF;
        ctx->given.n_inputs = i + 1; /* from here on it is closed with the others */
        r = make_place(s, i);
        if (r == 0)
            r = open_input(s, request, taken, i, &ctx->given.inputs[i], err);
        if (r == 0 && ctx->given.inputs[i].copied && ctx->given.kept[0] == '\0' &&
            job->depth == job->inputs[i].depth) /* else an earlier job has it */
            r = copy_input(s, request, i, job_dir, err);
        if (r < 0)
            return input_error(
                s, r, job->inputs[i].cache > 0 ? job->inputs[i].to : job->inputs[i].from, err);
    }
    r = place_inputs(s, job, job_dir, ctx, &path);
    return r < 0 ? input_error(s, r, path, err) : 0;
}

/* Found out by trying, the way it will be done. */
static int try_id_map(int fd)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
    cleanup_close int map = -EBADF;
    cleanup_close int mount = mount_clone_fd(fd);
    int r = mount < 0 ? mount : stage_open_id_map(0, SANDBOX_ID_COUNT, &map);

    if (r < 0)
        return r;
    attr.userns_fd = (uint64_t)(unsigned)map;
    return mount_change(mount, &attr);
}

int sandbox_input_check(const struct sandbox_privilege *p, const struct jobs_input *in,
                        uint64_t *known_device, struct cupel_error *err)
{
    cleanup_close int fd =
        p->host ? file_open_trusted(in->host.path, in->host.trusted, O_PATH) : -EBADF;
    struct statfs fs;
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0 || st.st_dev == *known_device)
        return 0; /* what is not there is told when it is opened */
    r = fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC ||
                fs.f_type == BTRFS_SUPER_MAGIC
            ? 0
            : try_id_map(fd);
    if (r != -EINVAL) {
        *known_device = st.st_dev;
        return 0;
    }
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "the input %s is on a file system that takes no id-mapped mounts (ramfs, NFS, overlayfs, "
        "tmpfs before Linux 6.3)",
        in->from);
    cupel_error_hint(
        err, "have it copied to the job's disk with 'mode: copy', or put it on ext4, xfs or btrfs");
    return r;
}
