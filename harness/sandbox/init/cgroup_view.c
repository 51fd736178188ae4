/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_view: /sys/fs/cgroup of a job that is to read its own control groups, as the slot has
 * mounted them. Not responsible for what can be seen there: the mount's root is the job's group.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/cgroup_view.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#define PLACE "/sys/fs/cgroup"

/* Returns the directory of sysfs's, or, of a job in the host's network, which has no sysfs, one
 * that is made in its root. */
static int open_place(struct init_context *ctx)
{
    bool made;

    if (ctx->sys_mount < 0)
        return mounts_make_dir(ctx, PLACE, &made);
    return file_open_beneath(ctx->root, &PLACE[1], O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
}

static int attach_named(int dir, const struct sandbox_cgroup *group)
{
    cleanup_close int at = -EBADF;

    if (mkdirat(dir, group->name, 0555) < 0)
        return -errno;
    at = openat(dir, group->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return at < 0 ? -errno : mount_attach_to(group->dir, at);
}

/* Attaches a directory for each v1 controller, in a file system that is closed afterwards. */
static int attach_all(struct init_context *ctx, int at)
{
    static const struct mount_option options[] = {
        {"mode", "0555"}, {"size", "64k"}, {"nr_inodes", "16"}};
    const struct mount_attr closed = {.attr_set = MOUNT_ATTR_RDONLY};
    cleanup_close int mount = mount_make("tmpfs", options, ARRAY_SIZE(options),
                                         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    int r = mount < 0 ? mount : mount_attach_to(mount, at);

    for (size_t i = 0; r == 0 && i < ctx->given.n_cgroups; i++)
        r = attach_named(mount, &ctx->given.cgroups[i]);
    return r == 0 ? mount_change(mount, &closed) : r;
}

int cgroup_view_attach(struct init_context *ctx)
{
    cleanup_close int at = -EBADF;

    if (ctx->given.n_cgroups == 0)
        return 0;
    ctx->detail = PLACE;
    at = open_place(ctx);
    if (at < 0)
        return at;
    return ctx->given.cgroups[0].name[0] == '\0' ? mount_attach_to(ctx->given.cgroups[0].dir, at)
                                                 : attach_all(ctx, at);
}
