/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_mounts: probes of the mount calls, overlays in a user namespace, and id-mapped mounts. */
#include "harness/doctor/doctor_private.h"

#include "harness/run/idrange.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* ---- the mount calls ---- */

void probe_mount_api(const struct doctor_context *ctx, const struct doctor_probe *probe,
                     struct doctor_finding *f)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    cleanup_close int clone = -EBADF;
    struct doctor_scene s;
    int r = doctor_scene_init(&s);

    (void)ctx;
    (void)probe;
    if (r == 0)
        r = doctor_scene_enter(&s); /* fsopen, fsconfig, fsmount, move_mount */
    if (r == 0) {
        s.step = "clone a mount and set its attributes";
        clone = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        r = clone < 0 || mount_setattr(clone, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno
                                                                                          : 0;
    }
    if (r == 0 && (mkdirat(clone, "new", 0700) == 0 || errno != EROFS))
        r = -EIO;
    if (r == 0)
        doctor_works(f, "fsopen, open_tree, move_mount, mount_setattr%s",
                     s.single_id ? "; inside a user namespace" : "");
    else
        doctor_missing(f, r, "cannot %s", s.step);
}

/* ---- overlays ---- */

/* What an overlay trial shares with its child in the user namespace. */
struct overlay {
    /* directory with the file `file` in it, owned by root as the child sees it */
    const char *lower;
    const char *file;
};

static int use_overlay(const struct overlay *o, int root)
{
    struct stat st;
    int fd = openat(root, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    (void)close(fd);
    if (fstatat(root, o->file, &st, 0) < 0)
        return -errno;
    if (st.st_uid != 0)
        return -EOVERFLOW;
    fd = openat(root, o->file, O_WRONLY | O_APPEND | O_CLOEXEC); /* copies it up */
    if (fd < 0)
        return -errno;
    (void)close(fd);
    if (unlinkat(root, o->file, 0) < 0) /* leaves a whiteout */
        return -errno;
    return fstatat(root, o->file, &st, 0) == 0 ? -EEXIST : 0;
}

/* Mounts and uses the overlay, in the user namespace, which has its own mount namespace. */
static int overlay_body(void *data)
{
    const struct overlay *o = data;
    const char *const options[][2] = {{"lowerdir", o->lower}, {"upperdir", "/upper"},
                                      {"workdir", "/work"},   {"userxattr", NULL},
                                      {"volatile", NULL},     {NULL, NULL}};
    cleanup_close int mount =
        doctor_scene_mount("overlay", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

    return mount < 0 ? mount : use_overlay(o, mount);
}

static int make_own_dir(const struct doctor_scene *s, const char *path)
{
    if (mkdir(path, 0755) < 0)
        return -errno;
    return s->single_id || !s->host || chown(path, IDRANGE_FIRST, IDRANGE_FIRST) == 0 ? 0 : -errno;
}

/* Tries an overlay in the scene, with the lower directory in place. */
static int try_overlay(struct doctor_scene *s, struct overlay *o)
{
    int r;

    s->step = "prepare an overlay";
    r = make_own_dir(s, "/upper");
    if (r == 0)
        r = make_own_dir(s, "/work");
    if (r == 0)
        r = userns_run(s, CLONE_NEWNS, overlay_body, o);
    return r;
}

static int make_lower_file(const struct doctor_scene *s)
{
    cleanup_close int fd = -EBADF;
    int r = make_own_dir(s, "/lower");

    if (r < 0)
        return r;
    fd = open("/lower/file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    return s->single_id || !s->host || fchown(fd, IDRANGE_FIRST, IDRANGE_FIRST) == 0 ? 0 : -errno;
}

void probe_overlay(const struct doctor_context *ctx, const struct doctor_probe *probe,
                   struct doctor_finding *f)
{
    struct overlay o = {.lower = "/lower", .file = "file"};
    struct doctor_scene s;
    int r = doctor_scene_init(&s);

    (void)ctx;
    (void)probe;
    if (r == 0)
        r = doctor_scene_enter(&s);
    if (r == 0)
        r = make_lower_file(&s);
    if (r == 0) {
        r = try_overlay(&s, &o);
        s.step = "mount and use an overlay in a user namespace";
    }
    if (r == 0)
        doctor_works(f, "userxattr, copy-up and whiteouts%s", s.single_id ? "; of one id" : "");
    else
        doctor_missing(f, r, "cannot %s", s.step);
}

/* ---- id-mapped mounts ---- */

static void try_idmap(int fd, const char *path, struct doctor_finding *f)
{
    struct doctor_scene s;
    int r = doctor_scene_init(&s);

    if (r == 0)
        r = idmap_mount(&s, fd);
    if (r >= 0) {
        doctor_works(f, "%s", path);
        return;
    }
    doctor_missing(f, r, "%s: cannot %s", path, s.step);
    if (!s.host)
        doctor_remedy(f, DOCTOR_BE_ROOT
                      ": the kernel maps mounts only for who is privileged over the file system");
}

void probe_idmap_store(const struct doctor_context *ctx, const struct doctor_probe *probe,
                       struct doctor_finding *f)
{
    (void)probe;
    if (ctx->cache == NULL)
        doctor_missing_error(f, &ctx->cache_error);
    else
        try_idmap(cache_dirfd(ctx->cache), cache_path(ctx->cache), f);
}

void probe_idmap_root(const struct doctor_context *ctx, const struct doctor_probe *probe,
                      struct doctor_finding *f)
{
    cleanup_close int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)ctx;
    (void)probe;
    try_idmap(fd, "/", f);
}

/* The store itself, id-mapped and read-only, as the lower layer; CACHEDIR.TAG is in every store. */
static int try_idmap_overlay(struct doctor_scene *s, int store)
{
    struct overlay o = {.lower = "/lower", .file = "CACHEDIR.TAG"};
    cleanup_close int mount = idmap_mount(s, store);
    int r = mount < 0 ? mount : doctor_scene_enter(s);

    if (r < 0)
        return r;
    s->step = "attach the id-mapped mount";
    if (mkdir("/lower", 0755) < 0 ||
        move_mount(mount, "", AT_FDCWD, "/lower", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -errno;
    r = try_overlay(s, &o);
    s->step = "use an overlay over it in a user namespace";
    return r;
}

void probe_idmap_overlay(const struct doctor_context *ctx, const struct doctor_probe *probe,
                         struct doctor_finding *f)
{
    struct doctor_scene s;
    int r;

    (void)probe;
    if (ctx->cache == NULL) {
        doctor_missing_error(f, &ctx->cache_error);
        return;
    }
    r = doctor_scene_init(&s);
    if (r == 0)
        r = try_idmap_overlay(&s, cache_dirfd(ctx->cache));
    if (r == 0)
        doctor_works(f, "files of the host's root are the job's root's");
    else
        doctor_missing(f, r, "%s: cannot %s", cache_path(ctx->cache), s.step);
}
