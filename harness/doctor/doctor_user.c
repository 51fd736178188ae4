/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_user: probes of what stands in for the rights of the host's root: in a run without them,
 * jobs get their devices, their disks and their layers in other ways (docs/rootless.md). Tried with
 * root as well, where nothing depends on them. */
#include "harness/doctor/doctor_private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* Tells who may make, mount and map: root, or the root of a user namespace of one's own. */
void probe_root(const struct doctor_context *ctx, const struct doctor_probe *probe,
                struct doctor_finding *f)
{
    (void)probe;
    if (ctx->rights_error.kind != CUPEL_ERROR_NONE) {
        doctor_missing_error(f, &ctx->rights_error);
    } else if (ctx->privilege.host) {
        doctor_works(f, "root");
    } else if (ctx->privilege.ids > 1) {
        doctor_works(f, "root of a user namespace of %u ids", ctx->privilege.ids);
    } else {
        doctor_degraded(f,
                        "root of a user namespace of one id: jobs have no other user than root%s%s",
                        ctx->lack != NULL ? "; " : "", ctx->lack != NULL ? ctx->lack : "");
        doctor_remedy(f, "install the package uidmap, and have root give you ids: usermod "
                         "--add-subuids 100000-165535 "
                         "--add-subgids 100000-165535 YOU");
    }
}

void probe_own_proc(const struct doctor_context *ctx, const struct doctor_probe *probe,
                    struct doctor_finding *f)
{
    const struct sandbox_privilege without = {.host = false, .ids = ctx->privilege.ids};
    struct cupel_error err;

    (void)probe;
    if (sandbox_privilege_check(&without, &err) < 0)
        doctor_missing_error(f, &err);
    else
        doctor_works(f, "mounted in a new PID namespace");
}

void probe_lent_devices(const struct doctor_context *ctx, const struct doctor_probe *probe,
                        struct doctor_finding *f)
{
    static const struct {
        const char *path;
        unsigned major, minor;
    } devices[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                   {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

    (void)ctx;
    (void)probe;
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        cleanup_close int fd = open(devices[i].path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0) {
            doctor_missing(f, errno, "cannot look at %s", devices[i].path);
            return;
        }
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(devices[i].major, devices[i].minor)) {
            doctor_missing(f, 0, "%s is not the character device %u:%u", devices[i].path,
                           devices[i].major, devices[i].minor);
            return;
        }
    }
    doctor_works(f, "null, zero, full, random, urandom, tty");
}

void probe_store_layers(const struct doctor_context *ctx, const struct doctor_probe *probe,
                        struct doctor_finding *f)
{
    (void)probe;
    if (ctx->cache == NULL)
        doctor_missing_error(f, &ctx->cache_error);
    else if (sandbox_store_takes_layers(cache_dirfd(ctx->cache)))
        doctor_works(f, "%s", cache_path(ctx->cache));
    else
        doctor_degraded(
            f, "%s cannot be the upper layer of an overlay: what jobs write is kept in memory",
            cache_path(ctx->cache));
}

/* user.* attributes on tmpfs came with Linux 6.6. Without them overlayfs cannot mark a directory as
 * opaque. */
void probe_memory_disk(const struct doctor_context *ctx, const struct doctor_probe *probe,
                       struct doctor_finding *f)
{
    static const char *const options[][2] = {{"size", "64k"}, {"nr_inodes", "16"}, {NULL, NULL}};
    cleanup_close int mount = doctor_scene_mount("tmpfs", options, 0), file = -EBADF;

    (void)ctx;
    (void)probe;
    if (mount < 0) {
        doctor_missing(f, mount, "cannot mount a tmpfs");
        return;
    }
    file = openat(mount, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        doctor_missing(f, errno, "cannot write to a tmpfs");
    else if (fsetxattr(file, "user.overlay.opaque", "y", 1, 0) < 0)
        doctor_degraded(f, "a tmpfs has no user.* attributes: where a job has a limit of disk or "
                           "inodes, it cannot "
                           "remove a directory of "
                           "its root and make it anew");
    else
        doctor_works(f, "a tmpfs of a size, with user.* attributes");
}
