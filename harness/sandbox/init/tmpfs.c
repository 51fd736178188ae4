/* SPDX-License-Identifier: Apache-2.0 */
/* tmpfs: the empty file systems in memory that a job asks for. What is in them counts as the job's
 * memory; they go with its mount namespace, and are in no layer.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/mounts.h"
#include "harness/sandbox/init/places.h"

/* As for /dev/shm: what the kernel has beside the pages of a file is not all counted. */
#define BYTES_A_FILE 16384
#define FILES_MIN 1024

int tmpfs_attach(struct init_context *ctx, const struct jobs_tmpfs *t)
{
    uint64_t files = t->size / BYTES_A_FILE;
    char size[24] = "", inodes[24] = "", uid[16] = "", gid[16] = "";
    const struct mount_option options[] = {
        {"mode", "1777"}, {"size", size}, {"nr_inodes", inodes}, {"uid", uid}, {"gid", gid}};
    cleanup_close int at = -EBADF, mount = -EBADF;
    bool made;
    int r;

    safe_append_number(size, t->size, sizeof(size));
    safe_append_number(inodes, files > FILES_MIN ? files : FILES_MIN, sizeof(inodes));
    safe_append_number(uid, ctx->uid, sizeof(uid));
    safe_append_number(gid, ctx->gid, sizeof(gid));
    ctx->detail = t->to;
    at = mounts_make_dir(ctx, t->to, &made);
    if (at < 0)
        return at;
    r = places_check(ctx, at, true);
    if (r < 0)
        return r;
    mount = mount_make("tmpfs", options, ARRAY_SIZE(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return mount < 0 ? mount : mount_attach_to(mount, at);
}
