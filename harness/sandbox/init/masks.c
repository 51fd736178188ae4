/* SPDX-License-Identifier: Apache-2.0 */
/* masks: what of /proc and /sys no job sees, and what of it none may change, by mounts over it.
 * What a job may mount over these, or take off, is for the filter (seccomp.c) to refuse.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/masks.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"

#include "base/base.h"
#include "base/weaken.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MASK_ATTRIBUTES                                                                            \
    (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* A clone of `source` (below `dir`; "": dir itself) with these attributes more. */
static int clone_of(int dir, const char *source, uint64_t attributes)
{
    struct mount_attr attr = {.attr_set = attributes};
    cleanup_close int mount = mount_clone(dir, source, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    int r = mount;

    if (r >= 0 && attributes != 0)
        r = mount_change(mount, &attr);
    return r < 0 ? r : steal_fd(&mount);
}

/* The names are those of a proc or sysfs of the job's own, in which the kernel alone has put
 * anything, and no link on the way to these. Missing ones are fine: kernels differ. 1: put over it.
 */
static int put_over(int mount, int dir, const char *name)
{
    int r = mount_attach_at(mount, dir, name);

    return r == 0 ? 1 : r == -ENOENT || r == -EACCES ? 0 : r;
}

/* What is given is made read-only, and stays where it is. */
static int make_read_only(struct init_context *ctx, int dir, const char *name)
{
    cleanup_close int mount = -EBADF;

    ctx->detail = name;
    mount = clone_of(dir, name, MASK_ATTRIBUTES);
    if (mount < 0)
        return mount == -ENOENT || mount == -EACCES ? 0 : mount;
    return put_over(mount, dir, name);
}

/* Files become the job's /dev/null, directories an empty one. The first mask of each kind is what
 * the others are clones of, with its attributes, in *first. It is looked first: a clone that is put
 * nowhere makes who closes it wait for all processors (namespace_unlock() in fs/namespace.c). */
struct masks {
    int file, directory;
};

static int mask(struct init_context *ctx, struct masks *first, int dir, const char *name)
{
    cleanup_close int mount = -EBADF;
    struct stat st;
    int r, *one;

    ctx->detail = name;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || errno == EACCES ? 0 : -errno;
    one = S_ISDIR(st.st_mode) ? &first->directory : &first->file;
    if (*one >= 0)
        mount = clone_of(*one, "", 0);
    else if (S_ISDIR(st.st_mode))
        mount = clone_of(ctx->empty, "", MASK_ATTRIBUTES);
    else
        mount = clone_of(ctx->given.dev_mount, "null", MOUNT_ATTR_NOEXEC);
    r = mount < 0 ? mount : put_over(mount, dir, name);
    if (r == 1 && *one < 0)
        *one = steal_fd(&mount);
    return r < 0 ? r : 0;
}

static void close_masks(struct masks *first)
{
    base_closep(&first->file);
    base_closep(&first->directory);
}

/* What tells of the host or changes it: what runc masks, and what tells of other jobs' disks. Files
 * that only the host's root may read (kpagecount, vmallocinfo, ...) need no mask: it is not mapped.
 */
int setup_proc_masks(struct init_context *ctx)
{
    static const char *const hidden[] = {
        "acpi",       "asound",        "diskstats",   "fs",   "interrupts", "kcore",      "keys",
        "partitions", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats"};
    static const char *const read_only[] = {"sys", "sysrq-trigger", "irq", "bus"};
    struct masks first = {-EBADF, -EBADF};
    int r = 0;

    if (weakened("proc-masks"))
        return 0;
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(read_only); i++)
        r = make_read_only(ctx, ctx->proc_mount, read_only[i]);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(hidden); i++)
        r = mask(ctx, &first, ctx->proc_mount, hidden[i]);
    if (r >= 0 &&
        ctx->given.privilege.shows_init) /* from here on, PID 1 has no /proc/self either */
        r = mask(ctx, &first, ctx->proc_mount, "1");
    close_masks(&first);
    return r < 0 ? r : 0;
}

int masks_put_on_sys(struct init_context *ctx)
{
    /* every job's disk is a loop device, whose files name the store and the run, and count what its
       job reads and writes; what is left in /sys/block are links to nothing, since each mask costs
       every job some 20 us */
    static const char *const disks[] = {"devices/virtual/block", "fs/ext4"};
    static const char *const hidden[] = {"firmware", "devices/virtual/powercap"};
    struct masks first = {-EBADF, -EBADF};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(hidden); i++)
        r = mask(ctx, &first, ctx->sys_mount, hidden[i]);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(disks) && !weakened("disk-masks"); i++)
        r = mask(ctx, &first, ctx->sys_mount, disks[i]);
    close_masks(&first);
    return r;
}
