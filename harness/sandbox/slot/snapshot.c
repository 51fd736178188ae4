/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: what a job has written, as a layer for the jobs that start from it. The directory that
 * the job wrote into is attached, read-only and as it is, in a mount namespace of the run's; each
 * slot takes its own copy of that mount. So nothing is copied or written out, a snapshot outlives
 * the slot that made it, and whoever is killed, the last process of the run takes all of it along.
 *
 * What is in it was written by way of an overlay, which keeps its own attributes (user.overlay.*)
 * to itself: a job can neither set nor see them (ovl_own_xattr_set(), fs/overlayfs/xattrs.c), and
 * makes no device that could pass for a whiteout. */
#include "harness/sandbox/slot/snapshot.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/keep.h"
#include "harness/sandbox/slot/losses.h"
#include "harness/sandbox/slot/netns.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"
#include "harness/sandbox/slot/upper.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define NAME_SIZE SNAPSHOT_NAME_SIZE

/* ---- the run's namespace ---- */

static int become_namespace(const void *data, unsigned *ret_number)
{
    /* out of sight afterwards */
    cleanup_close int own = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd, r = own < 0 ? -errno : stage_become_root(*(const int *)data);

    if (r < 0)
        return r;
    *ret_number = 0;
    fd = openat(own, "mnt", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int sandbox_snapshots_open(int *ret_ns, struct cupel_error *err)
{
    cleanup_close int tmpfs = -EBADF;
    unsigned ignored;
    int r = stage_make_tmpfs(&tmpfs);

    if (r == 0)
        r = netns_fetch(become_namespace, &tmpfs, ret_ns, &ignored);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot make a place for what jobs start from")
                 : 0;
}

/* Left again with stage_leave. */
static int enter_snapshots(const struct sandbox_stage *s)
{
    return setns(s->snapshots_ns, CLONE_NEWNS) < 0 ? -errno : 0;
}

static int attach_for_now(int mount, const char *path)
{
    int r;

    if (mkdir(path, 0755) < 0)
        return -errno;
    r = mount_attach(mount, path);
    if (r < 0)
        (void)rmdir(path); /* the name will be used again */
    return r;
}

static bool detach(const char *path)
{
    return umount2(path, MNT_DETACH) == 0 && rmdir(path) == 0;
}

static int clone_mount(const char *path)
{
    return mount_clone(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

/* ---- making one ---- */

/* What may be kept is found under one name, whichever slot and job it was of. */
static int name_job_dir(struct sandbox_stage *s, struct sandbox_job *job)
{
    if (!s->keeps || s->upper->kind != UPPER_DISK)
        return 0;
    if (renameat(upper_fd(s->upper), job->dir, upper_fd(s->upper), SANDBOX_KEPT_DIR) < 0)
        return -errno;
    (void)snprintf(job->dir, sizeof(job->dir), "%s", SANDBOX_KEPT_DIR);
    return 0;
}

static int clone_job_dir(struct sandbox_stage *s, const char *dir)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID};
    cleanup_close int mount = -EBADF;
    char path[NAME_SIZE + 8];
    int r = stage_enter(s);

    (void)snprintf(path, sizeof(path), "/upper/%s", dir);
    if (r == 0)
        r = mount = clone_mount(path);
    stage_leave(s);
    if (r >= 0)
        r = mount_change(mount, &attr);
    return r < 0 ? r : steal_fd(&mount);
}

/* The stage's next job does not write beside it: a disk or tmpfs is the snapshot's own from here
 * on, a directory goes where nothing that is done with the stage's upper one reaches it. */
static int take_from_stage(struct sandbox_stage *s, struct sandbox_job *job, const char *name)
{
    if (s->keeps && s->upper->kind == UPPER_DISK &&
        linkat(s->upper->image, "", s->store_dirfd, name, AT_EMPTY_PATH) < 0)
        return -errno;
    if (s->upper->kind == UPPER_DIRECTORY) {
        if (renameat(upper_fd(s->upper), job->dir, s->store_dirfd, name) < 0)
            return -errno;
    } else {
        base_closep(&s->upper->image); /* so that nobody empties it */
        stage_drop_upper(s);
    }
    job->dir[0] = '\0';
    return 0;
}

static void name_of(size_t number, char buf[static NAME_SIZE])
{
    (void)snprintf(buf, NAME_SIZE, "/snapshot-%zu", number);
}

int sandbox_snapshot(struct sandbox_stage *s, struct sandbox_job *job, size_t number,
                     struct cupel_error *err)
{
    cleanup_close int mount = -EBADF;
    char name[NAME_SIZE];
    int r = job->dir[0] == '\0' || s->upper == NULL ? -ENODATA : 0;

    name_of(number, name);
    if (r == 0)
        r = name_job_dir(s, job);
    /* others will read it for as long as the run lasts, and no later look would tell them that it
     * was lost on the way */
    if (r == 0 && s->upper->kind == UPPER_DISK)
        r = upper_sync(s->upper);
    if (r < 0 && r != -ENODATA)
        return losses_explain(s->store_dirfd, r, err);
    if (r == 0)
        r = clone_job_dir(s, job->dir);
    if (r >= 0) {
        mount = r;
        r = take_from_stage(s, job, name + 1);
    }
    if (r == 0)
        r = enter_snapshots(s);
    if (r == 0) {
        r = attach_for_now(mount, name);
        stage_leave(s);
    }
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot keep what the job wrote for others to start from")
                 : 0;
}

/* ---- one that was kept ---- */

/* Returns what the job wrote, of a directory, as a detached mount. */
static int clone_of_directory(int image)
{
    cleanup_close int fd =
        openat(image, SANDBOX_KEPT_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : mount_clone_fd(fd);
}

/* Attaches the disk for as long as it takes to find in it what the job wrote. */
static int attach_of_disk(int disk, const char *name)
{
    cleanup_close int mount = -EBADF;
    int r = attach_for_now(disk, "/kept");

    if (r < 0)
        return r;
    r = mount = clone_mount("/kept/" SANDBOX_KEPT_DIR);
    (void)detach("/kept");
    return r < 0 ? r : attach_for_now(mount, name);
}

int sandbox_snapshot_import(struct sandbox_stage *s, size_t number, int image,
                            struct cupel_error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
                              .propagation = MS_PRIVATE};
    bool is_disk;
    cleanup_close int mount = keep_mount(s, image, &is_disk, err);
    char name[NAME_SIZE];
    int r = mount;

    if (r < 0)
        return r;
    name_of(number, name);
    if (!is_disk) {
        base_closep(&mount);
        r = mount = clone_of_directory(image);
    }
    if (r >= 0)
        r = mount_change(mount, &attr);
    if (r == 0)
        r = enter_snapshots(s);
    if (r == 0) {
        r = is_disk ? attach_of_disk(mount, name) : attach_for_now(mount, name);
        stage_leave(s);
    }
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot attach what the kept job started from")
                 : 0;
}

int snapshot_clone(struct sandbox_stage *s, size_t number)
{
    char name[NAME_SIZE];
    int r = enter_snapshots(s);

    name_of(number, name);
    if (r == 0) {
        r = clone_mount(name);
        stage_leave(s);
    }
    return r;
}

const char *snapshot_file(size_t number, char buf[static SNAPSHOT_NAME_SIZE])
{
    name_of(number, buf);
    return buf + 1;
}

/* ---- using one ---- */

/* Maps the owners, which are those of the slot that made the snapshot: the directory's own tells
 * which. They become id_base.., except for the change. */
static int map_owners(bool host, int mount, uint32_t id_base, const struct owner_change *change)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
    cleanup_free char *uids = NULL, *gids = NULL;
    cleanup_close int id_map = -EBADF;
    struct stat st;
    int r;

    if (!host)
        return 0; /* all jobs have the same */
    if (fstat(mount, &st) < 0)
        return -errno;
    uids = id_map_text(st.st_uid, id_base, change->uid);
    gids = id_map_text(st.st_uid, id_base, change->gid);
    r = id_map_open(uids, gids, &id_map);
    if (r < 0)
        return r;
    attr.userns_fd = (uint64_t)(unsigned)id_map;
    return mount_change(mount, &attr);
}

static int clone_snapshot(struct sandbox_stage *s, size_t number, const struct owner_change *change)
{
    cleanup_close int mount = snapshot_clone(s, number);
    int r = mount;

    if (r >= 0)
        r = map_owners(s->privilege.host, mount, s->id_base, change);
    return r < 0 ? r : steal_fd(&mount);
}

/* Indices stay small, since the list of layers has to be short. */
static size_t free_index(struct sandbox_stage *s)
{
    for (size_t i = 0; i < s->n_snapshots; i++)
        if (s->snapshots[i].mount < 0)
            return i;
    s->snapshots = xrealloc(s->snapshots, (s->n_snapshots + 1) * sizeof(*s->snapshots));
    s->snapshots[s->n_snapshots] = (struct stage_snapshot){.mount = -EBADF};
    return s->n_snapshots++;
}

int stage_attach_snapshot(struct sandbox_stage *s, size_t number, const struct owner_change *change,
                          size_t *ret_index, struct cupel_error *err)
{
    cleanup_close int mount = -EBADF;
    char path[NAME_SIZE];
    size_t index;
    int r;

    for (size_t i = 0; i < s->n_snapshots; i++)
        if (s->snapshots[i].mount >= 0 && s->snapshots[i].number == number &&
            memcmp(&s->snapshots[i].change, change, sizeof(*change)) == 0) {
            *ret_index = i;
            return 0;
        }
    index = free_index(s);
    (void)snprintf(path, sizeof(path), "/s/%zu", index);
    r = mount = clone_snapshot(s, number, change);
    if (r >= 0)
        r = stage_enter(s);
    if (r == 0) {
        r = attach_for_now(mount, path);
        stage_leave(s);
    }
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot attach what the job starts from");
    s->snapshots[index] =
        (struct stage_snapshot){.number = number, .change = *change, .mount = steal_fd(&mount)};
    *ret_index = index;
    return 0;
}

char *layers_below(const struct init_context *ctx, const size_t *below, size_t n, const char *name)
{
    cleanup_strbuf struct strbuf b = {0};

    strbuf_add(&b, "", 0);
    if (ctx->given.kept[0] != '\0')
        strbuf_addf(&b, "%s/%s:", ctx->given.kept, name);
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&b, "/s/%zu/%s:", below[i], name);
    return xstrdup(b.data);
}

/* ---- reading one ---- */

struct snapshot_wanted {
    int ns;
    const char *name;
};

static int clone_elsewhere(const void *data, unsigned *ret_number)
{
    const struct snapshot_wanted *w = data;

    *ret_number = 0;
    return setns(w->ns, CLONE_NEWNS) < 0 ? -errno : clone_mount(w->name);
}

int sandbox_snapshot_open(int ns, size_t number, const struct sandbox_privilege *p, int *ret_tree,
                          struct cupel_error *err)
{
    cleanup_close int mount = -EBADF;
    char name[NAME_SIZE];
    struct snapshot_wanted wanted = {.ns = ns, .name = name};
    unsigned ignored;
    int fd = -EBADF, r;

    name_of(number, name);
    r = netns_fetch(clone_elsewhere, &wanted, &mount, &ignored);
    if (r == 0)
        r = map_owners(p->host, mount, 0, &(struct owner_change){0});
    if (r == 0) {
        fd = openat(mount, "u", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : 0;
    }
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read what the job wrote");
    *ret_tree = fd;
    return 0;
}

int sandbox_written_open(struct sandbox_stage *s, const struct sandbox_job *job, size_t input,
                         int *ret_tree, struct cupel_error *err)
{
    cleanup_close int mount = -EBADF;
    char name[NAME_SIZE];
    int fd = -EBADF, r = job->dir[0] == '\0' || s->upper == NULL ? -ENODATA : 0;

    (void)snprintf(name, sizeof(name), "u%zu", input);
    if (r == 0)
        r = mount = clone_job_dir(s, job->dir);
    if (r >= 0)
        r = map_owners(s->privilege.host, mount, 0, &(struct owner_change){0});
    if (r == 0) {
        fd = openat(mount, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : 0;
    }
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read what the job wrote");
    *ret_tree = fd;
    return 0;
}

/* ---- and no more ---- */

void sandbox_snapshot_forget(struct sandbox_stage *s, size_t number)
{
    char path[NAME_SIZE];
    bool first;

    for (size_t i = 0; i < s->n_snapshots; i++)
        if (s->snapshots[i].mount >= 0 && s->snapshots[i].number == number) {
            (void)snprintf(path, sizeof(path), "/s/%zu", i);
            if (stage_enter(s) == 0)
                (void)detach(path);
            stage_leave(s);
            base_closep(&s->snapshots[i].mount);
        }
    name_of(number, path);
    first = enter_snapshots(s) == 0 && detach(path);
    stage_leave(s);
    if (first && (s->keeps || !s->privilege.host))
        (void)file_remove_tree_at(s->store_dirfd,
                                  path + 1); /* what stays goes with the run's directory */
}
