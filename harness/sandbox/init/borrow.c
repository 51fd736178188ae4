/* SPDX-License-Identifier: Apache-2.0 */
/* borrow: PID 1's side of lend.c: while the stage is in sight, clones of what the host lends; after
 * the pivot, they are attached where a job expects them. Nothing to do where the slot has made the
 * job's own.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/borrow.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/device_table.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/overlay.h"

#include "base/base.h"

#include <fcntl.h>

static int borrow_views(struct init_context *ctx)
{
    for (size_t i = 0; ctx->given.views != NULL && i < ctx->given.views->n; i++) {
        char path[64] = "/lower/";

        safe_append_number(path, ctx->given.views->root, sizeof(path));
        safe_append(path, "/v/", sizeof(path));
        safe_append_number(path, i, sizeof(path));
        ctx->detail = ctx->given.views->path[i];
        if (ctx->given.view_lowers[i] != NULL)
            ctx->lent_views[i] = overlay_make_readonly(ctx->given.view_lowers[i]);
        else
            ctx->lent_views[i] = mount_clone(AT_FDCWD, path, 0);
        if (ctx->lent_views[i] < 0)
            return ctx->lent_views[i];
    }
    return 0;
}

int setup_borrow(struct init_context *ctx)
{
    for (size_t i = 0; !ctx->given.privilege.host && i < DEVICES_COUNT; i++) {
        char path[32] = "/dev/";

        if (!devices_has(ctx->given.job->devices, devices_table[i].id))
            continue;
        safe_append(path, devices_table[i].name, sizeof(path));
        ctx->detail = devices_table[i].name;
        ctx->lent_devices[i] = mount_clone(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
        if (ctx->lent_devices[i] < 0)
            return ctx->lent_devices[i];
    }
    return borrow_views(ctx);
}

/* Attaches the views before anything else: a view may hold what others are attached to. */
int setup_views(struct init_context *ctx)
{
    for (size_t i = 0; ctx->given.views != NULL && i < ctx->given.views->n; i++) {
        cleanup_close int at = -EBADF;
        int r;

        ctx->detail = ctx->given.views->path[i];
        at = file_open_beneath(ctx->root, ctx->given.views->path[i],
                               O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        if (at < 0)
            return at;
        r = mount_attach_to(ctx->lent_views[i], at);
        if (r < 0)
            return r;
        (void)close(ctx->lent_views[i]);
    }
    return 0;
}

int borrow_attach_devices(struct init_context *ctx)
{
    for (size_t i = 0; !ctx->given.privilege.host && i < DEVICES_COUNT; i++) {
        int r;

        if (!devices_has(ctx->given.job->devices, devices_table[i].id))
            continue;
        ctx->detail = devices_table[i].name;
        r = mount_attach_at(ctx->lent_devices[i], ctx->given.dev_mount, devices_table[i].name);
        if (r < 0)
            return r;
        (void)close(ctx->lent_devices[i]);
    }
    return 0;
}
