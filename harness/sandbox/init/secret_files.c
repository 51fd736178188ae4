/* SPDX-License-Identifier: Apache-2.0 */
/* secret_files: the secrets that a job is given as files: /run/secrets, in memory, read-only once
 * they are written. So nothing of them is in what the job's layers are made of. Not responsible for
 * where they come from.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/mounts.h"

#include "base/base.h"
#include "base/weaken.h"

#include <fcntl.h>
#include <sys/stat.h>

#define PLACE "/run/secrets"

static int write_secret_file(const struct init_context *ctx, int dir,
                             const struct sandbox_secret *secret)
{
    cleanup_close int fd =
        openat(dir, secret->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
    int r;

    if (fd < 0)
        return -errno;
    r = file_write_all(fd, secret->data, secret->len);
    if (r < 0)
        return r;
    return fchown(fd, ctx->uid, ctx->gid) < 0 || fchmod(fd, 0400) < 0 ? -errno : 0;
}

int setup_secret_files(struct init_context *ctx)
{
    const struct mount_option options[] = {{"mode", "0755"}, {"size", "16M"}};
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    cleanup_close int at = -EBADF, mount = -EBADF;
    bool made;
    int r = 0;

    if (ctx->given.n_secrets == 0)
        return 0;
    ctx->detail = PLACE;
    at = mounts_make_dir(ctx, PLACE, &made);
    if (at < 0)
        return at;
    mount = mount_make("tmpfs", options, ARRAY_SIZE(options),
                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (mount < 0)
        return mount;
    if (weakened("secret-files")) {
        (void)close(mount);
        mount = file_open_in_root(ctx->root, PLACE, O_RDONLY | O_DIRECTORY, 0);
    }
    for (size_t i = 0; r == 0 && i < ctx->given.n_secrets; i++)
        r = write_secret_file(ctx, mount, &ctx->given.secrets[i]);
    if (r < 0 || weakened("secret-files"))
        return r;
    r = mount_change(mount, &read_only);
    return r < 0 ? r : mount_attach_to(mount, at);
}
