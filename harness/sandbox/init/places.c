/* SPDX-License-Identifier: Apache-2.0 */
/* places: in which order a job's inputs and its tmpfs are attached, and that none comes to lie over
 * what is the sandbox's own. Not responsible for attaching them (mounts.c, tmpfs.c).
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/places.h"
#include "harness/sandbox/init/init_context.h"

#include <string.h>
#include <sys/stat.h>

static const char *path_of(const struct init_context *ctx, const struct place *p)
{
    return p->is_tmpfs ? ctx->given.job->tmpfs[p->index].to : ctx->given.inputs[p->index].to;
}

static void add(const struct init_context *ctx, struct place *list, size_t n, struct place place)
{
    size_t at = n;

    place.length = (uint32_t)strlen(path_of(ctx, &place));
    for (; at > 0 && list[at - 1].length > place.length; at--)
        list[at] = list[at - 1];
    list[at] = place;
}

size_t places_in_order(const struct init_context *ctx, struct place ret[PLACES_MAX])
{
    size_t n = 0;

    for (uint16_t i = 0; i < ctx->given.n_inputs; i++)
        add(ctx, ret, n++, (struct place){.index = i});
    for (uint16_t i = 0; i < ctx->given.job->n_tmpfs; i++)
        add(ctx, ret, n++, (struct place){.is_tmpfs = true, .index = i});
    return n;
}

/* Whether the directory is of that file system of the sandbox's. */
static bool is_of(const struct stat *st, int mount)
{
    struct stat of_mount;

    return mount >= 0 && fstat(mount, &of_mount) == 0 && of_mount.st_dev == st->st_dev;
}

int places_check(const struct init_context *ctx, int dir, bool covers)
{
    const int own[] = {ctx->proc_mount, ctx->sys_mount, ctx->given.dev_mount,
                       ctx->pts_mount,  ctx->shm_mount, ctx->mqueue_mount};
    struct stat st, root;

    if (fstat(dir, &st) < 0 || fstat(ctx->root, &root) < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        if (is_of(&st, own[i]))
            return -ELOOP;
    return covers && st.st_dev == root.st_dev && st.st_ino == root.st_ino ? -ELOOP : 0;
}
