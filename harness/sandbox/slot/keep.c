/* SPDX-License-Identifier: Apache-2.0 */
/* keep: what a job wrote, kept beyond its end, and laid under a session later. The disk as a whole
 * changes hands: nothing is copied, and its owners, attributes and whiteouts are what they were.
 * Without the host's rights there is no disk: what was written into a directory of the store is
 * moved, and what was written into memory is copied there. */
#include "harness/sandbox/slot/keep.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/keep_copy.h"
#include "harness/sandbox/slot/snapshot.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"
#include "harness/sandbox/slot/upper.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int keep_disk(struct sandbox_stage *stage, const struct sandbox_keeping *k,
                     uint64_t *ret_bytes)
{
    struct stat st;
    int r = upper_keep(stage->upper, k->dirfd, k->name);

    stage_drop_upper(stage); /* kept or not, nothing can be written to it any more */
    if (r == 0 && fstatat(k->dirfd, k->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    if (r == 0)
        *ret_bytes = (uint64_t)st.st_blocks * 512;
    return r;
}

static int keep_memory(const struct upper *u, const char *dir, int to,
                       const struct sandbox_keeping *k)
{
    struct keep_copy_bounds bounds = {.stopped = k->stopped, .data = k->data};
    int r = upper_statistics(u, &bounds.bytes, &bounds.files);

    return r < 0 ? r : keep_copy_into(u->fd, to, dir, &bounds);
}

static int keep_directory(const struct upper *u, const char *dir, const struct sandbox_keeping *k,
                          uint64_t *ret_bytes)
{
    cleanup_close int to = -EBADF;
    int r = 0;

    if (mkdirat(k->dirfd, k->name, 0700) < 0)
        return -errno;
    to = openat(k->dirfd, k->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return -errno;
    if (u->kind == UPPER_MEMORY)
        r = keep_memory(u, dir, to, k);
    else if (renameat(u->fd, dir, to, dir) < 0)
        r = -errno;
    if (r == 0)
        *ret_bytes = keep_copy_measure(to, dir);
    return r;
}

static int say_kept(int r, const char *what, struct cupel_error *err)
{
    if (r == -ECANCELED)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "stopped while it was copied");
    if (r == -ELOOP)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                               "its directories are nested too deep to be copied");
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot keep %s", what) : 0;
}

int sandbox_keep(struct sandbox_stage *stage, const struct sandbox_job *job,
                 const struct sandbox_keeping *keeping, uint64_t *ret_bytes,
                 struct cupel_error *err)
{
    int r = -ENODATA;

    if (job->dir[0] != '\0' && stage->upper != NULL)
        r = stage->upper->kind == UPPER_DISK
                ? keep_disk(stage, keeping, ret_bytes)
                : keep_directory(stage->upper, job->dir, keeping, ret_bytes);
    return say_kept(r, "what the job wrote", err);
}

/* ---- with what it started from ---- */

static int keep_linked(const struct sandbox_stage *stage, size_t number,
                       const struct sandbox_keeping *k, uint64_t *ret_bytes)
{
    char name[SNAPSHOT_NAME_SIZE];
    struct stat st;

    if (linkat(stage->store_dirfd, snapshot_file(number, name), k->dirfd, k->name, 0) < 0 ||
        fstatat(k->dirfd, k->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    *ret_bytes = (uint64_t)st.st_blocks * 512;
    return 0;
}

static int keep_copied(struct sandbox_stage *stage, size_t number, const struct sandbox_keeping *k,
                       uint64_t *ret_bytes)
{
    const struct keep_copy_bounds bounds = {.bytes = UINT64_MAX, /* it had one */
                                            .files = UINT64_MAX,
                                            .stopped = k->stopped,
                                            .data = k->data};
    cleanup_close int mount = snapshot_clone(stage, number), from = -EBADF, to = -EBADF;
    int r;

    if (mount < 0)
        return mount;
    from = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0 || mkdirat(k->dirfd, k->name, 0700) < 0)
        return -errno;
    to = openat(k->dirfd, k->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = to < 0 ? -errno : keep_copy_as(from, to, SANDBOX_KEPT_DIR, &bounds);
    if (r == 0)
        *ret_bytes = keep_copy_measure(to, SANDBOX_KEPT_DIR);
    return r;
}

int sandbox_keep_snapshot(struct sandbox_stage *stage, size_t number,
                          const struct sandbox_keeping *keeping, uint64_t *ret_bytes,
                          struct cupel_error *err)
{
    int r = stage->privilege.host ? keep_linked(stage, number, keeping, ret_bytes)
                                  : keep_copied(stage, number, keeping, ret_bytes);

    return say_kept(r, "what the job started from", err);
}

uint32_t sandbox_stage_id_base(const struct sandbox_stage *stage)
{
    return stage->id_base;
}

static int map_owners(int mount, const struct sandbox_stage *s, uint32_t on_disk)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
                              .propagation = MS_PRIVATE};
    cleanup_close int id_map = -EBADF;
    /* else all jobs have the same */
    int r = s->privilege.host ? stage_open_id_map(on_disk, s->id_base, &id_map) : 0;

    if (r < 0)
        return r;
    if (s->privilege.host) {
        attr.attr_set |= MOUNT_ATTR_IDMAP;
        attr.userns_fd = (uint64_t)(unsigned)id_map;
    }
    return mount_change(mount, &attr);
}

int keep_mount(const struct sandbox_stage *s, int image, bool *ret_is_disk, struct cupel_error *err)
{
    struct stat st;
    int mount;

    if (fstat(image, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot look at what is kept");
    *ret_is_disk = !S_ISDIR(st.st_mode);
    if (*ret_is_disk && s->privilege.host)
        return upper_mount_image(image, UPPER_READ_ONLY, NULL, err);
    if (*ret_is_disk) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, EPERM,
                              "what is kept is a disk, and only root can mount that");
        cupel_error_hint(err, "start cupel as root, as it was when the job ran");
        return -EPERM;
    }
    mount = mount_clone_fd(image);
    return mount < 0
               ? cupel_error_set(err, CUPEL_ERROR_HARNESS, mount, "cannot attach what is kept")
               : mount;
}

int stage_attach_kept(struct sandbox_stage *s, const struct sandbox_kept *kept,
                      struct cupel_error *err)
{
    bool is_disk;
    cleanup_close int mount = keep_mount(s, kept->image, &is_disk, err);
    int r = mount;

    if (r < 0)
        return r;
    r = map_owners(mount, s, kept->id_base);
    if (r == 0)
        r = mkdirat(s->tmpfs, "kept", 0755) < 0 ? -errno : stage_enter(s);
    if (r == 0) {
        r = mount_attach(mount, "/kept");
        stage_leave(s);
    }
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot attach the kept job's disk")
                 : 0;
}
