/* borrow: PID 1's side of lend.c: while the stage is in sight, clones of what the host lends; after
 * the pivot, they are attached where a job expects them. Nothing to do where the slot has made the
 * job's own.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/sandbox_private.h"

#include <fcntl.h>
#include <sys/syscall.h>

static int borrow_views(struct init_context *ctx)
{
    for (size_t i = 0; ctx->views != NULL && i < ctx->views->n; i++) {
        char path[64] = "/lower/";

        safe_append_number(path, ctx->views->root, sizeof(path));
        safe_append(path, "/v/", sizeof(path));
        safe_append_number(path, i, sizeof(path));
        ctx->detail = ctx->views->path[i];
        if (ctx->view_lowers[i] != NULL)
            ctx->lent_views[i] = overlay_make_readonly(ctx->view_lowers[i]);
        else if ((ctx->lent_views[i] =
                      open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)) < 0)
            ctx->lent_views[i] = -errno;
        if (ctx->lent_views[i] < 0)
            return ctx->lent_views[i];
    }
    return 0;
}

int setup_borrow(struct init_context *ctx)
{
    for (size_t i = 0; !ctx->privilege.host && i < DEVICES_COUNT; i++) {
        char path[32] = "/dev/";

        if (!devices_has(ctx->job->devices, devices_table[i].id))
            continue;
        safe_append(path, devices_table[i].name, sizeof(path));
        ctx->detail = devices_table[i].name;
        ctx->lent_devices[i] =
            open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
        if (ctx->lent_devices[i] < 0)
            return -errno;
    }
    return borrow_views(ctx);
}

/* Before anything else is attached: a view may hold what others are attached to. */
int setup_views(struct init_context *ctx)
{
    for (size_t i = 0; ctx->views != NULL && i < ctx->views->n; i++) {
        cleanup_close int at = -EBADF;

        ctx->detail = ctx->views->path[i];
        at =
            file_open_beneath(ctx->root, ctx->views->path[i], O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        if (at < 0)
            return at;
        if (move_mount(ctx->lent_views[i], "", at, "",
                       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
            return -errno;
        (void)close(ctx->lent_views[i]);
    }
    return 0;
}

int borrow_attach_devices(struct init_context *ctx)
{
    for (size_t i = 0; !ctx->privilege.host && i < DEVICES_COUNT; i++) {
        if (!devices_has(ctx->job->devices, devices_table[i].id))
            continue;
        ctx->detail = devices_table[i].name;
        if (move_mount(ctx->lent_devices[i], "", ctx->dev_mount, devices_table[i].name,
                       MOVE_MOUNT_F_EMPTY_PATH) < 0)
            return -errno;
        (void)close(ctx->lent_devices[i]);
    }
    return 0;
}
