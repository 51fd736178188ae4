/* SPDX-License-Identifier: Apache-2.0 */
/* hostroot: the `host` root without the rights of the host's root. Two things stand against one
 * overlay over "/" then: what was mounted below "/" before our user namespace may not be taken off,
 * so the kernel clones no "/" without it (has_locked_children(), fs/namespace.c), which overlayfs
 * would have to; and the files belong to ids that we do not have, so overlayfs could copy none of
 * them up (-EOVERFLOW, ovl_copy_up_one()). So a job gets
 *
 *   a base      what lies directly in "/", in /var and in directories that have mounts in them:
 *               links, small files, empty directories; and a copy of /etc. The job writes over
 *               it as over any root
 *   views       the directories in it that have no mounts in them, each an overlay of its own,
 *               masked and read-only
 *
 * The same files as with root, but those of the host's directories cannot be changed, not even in
 * the job. Made once a slot. */
#include "harness/sandbox/slot/hostroot.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/overlay.h"
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_mask.h"
#include "harness/sandbox/slot/stage_ns.h"

#include "base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define DEPTH_MAX 12
#define FILE_SIZE_MAX                                                                              \
    (1 << 20) /* of a file that is copied into the base: an /etc/hosts, not a /swapfile */

/* What is being made. Paths are relative to "/" on the host, in the mask and in the base alike. */
struct hostroot_maker {
    int top, mid, base;
    struct host_views *views;
    int mounts[HOST_VIEWS_MAX]; /* the views' directories of the host */
};

/* ---- what the mask says of a path ---- */

enum shown { SHOWN, HIDDEN, EMPTIED };

static bool is_whiteout(int dir, const char *path)
{
    struct stat st;

    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
           st.st_rdev == 0;
}

static enum shown shown(const struct hostroot_maker *m, const char *path)
{
    return is_whiteout(m->top, path) ? HIDDEN : is_whiteout(m->mid, path) ? EMPTIED : SHOWN;
}

/* ---- the base ---- */

static int make_directory(const struct hostroot_maker *m, const char *path, mode_t mode)
{
    if (mkdirat(m->base, path, 0700) < 0 && errno != EEXIST)
        return -errno;
    return fchmodat(m->base, path, mode & 07777, 0) < 0 ? -errno : 0;
}

static int copy_link(const struct hostroot_maker *m, int dir, const char *name, const char *path)
{
    char target[4096];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

    if (n < 0)
        return -errno;
    target[n] = '\0';
    return symlinkat(target, m->base, path) < 0 ? -errno : 0;
}

/* A file that we may not read is one that the job may not read either. */
static int copy_file(const struct hostroot_maker *m, int dir, const char *name, const char *path)
{
    cleanup_close int from = openat(dir, name,
                                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
                      to = -EBADF;
    struct stat st;
    ssize_t n;

    if (from < 0 || fstat(from, &st) < 0)
        return errno == EACCES || errno == EPERM ? 0 : -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX)
        return 0;
    to = openat(m->base, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return -errno;
    while ((n = sendfile(to, from, NULL, FILE_SIZE_MAX)) > 0)
        ;
    return n < 0 || fchmod(to, st.st_mode & 0777) < 0 ? -errno : 0;
}

static int copy_entries(struct hostroot_maker *m, int dir, const char *path, unsigned depth);

/* What jobs change even on a host's root: users, names, configuration. */
static bool is_copied(const char *path)
{
    return str_eq(path, "etc") || str_starts(path, "etc/");
}

static bool is_made_anew(const char *path)
{
    return is_copied(path) || str_eq(path, "var");
}

/* -EINVAL: it has mounts in it, and is made anew with what is in it. */
static int add_view(struct hostroot_maker *m, int dir, const char *name, const char *path)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                              .propagation = MS_PRIVATE};
    cleanup_close int mount = -EBADF;
    int r;

    if (m->views->n == HOST_VIEWS_MAX) {
        log_warning("rootfs: host: %d directories are shown, /%s is not", HOST_VIEWS_MAX, path);
        return 0;
    }
    r = mount = mount_clone(dir, name, AT_SYMLINK_NOFOLLOW);
    if (r >= 0)
        r = mount_change(mount, &attr);
    if (r < 0)
        return r;
    m->mounts[m->views->n] = steal_fd(&mount);
    m->views->path[m->views->n++] = xstrdup(path);
    return 0;
}

static int copy_directory(struct hostroot_maker *m, int dir, const char *name, const char *path,
                          mode_t mode, unsigned depth)
{
    int r = make_directory(m, path, mode);

    if (r == 0)
        r = is_made_anew(path) ? -EINVAL : add_view(m, dir, name, path);
    if (r == -EINVAL && depth < DEPTH_MAX) {
        cleanup_close int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        r = sub < 0 ? -errno : copy_entries(m, sub, path, depth + 1);
    }
    return r == -EACCES || r == -EPERM ? 0 : r; /* left empty: it is closed to us */
}

static int copy_entry(struct hostroot_maker *m, int dir, const char *name, const char *path,
                      unsigned depth)
{
    struct stat st;

    if (shown(m, path) != SHOWN || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* the emptied ones come from the mask; others are gone again */
    if (S_ISLNK(st.st_mode))
        return copy_link(m, dir, name, path);
    if (S_ISREG(st.st_mode))
        return copy_file(m, dir, name, path);
    return S_ISDIR(st.st_mode) ? copy_directory(m, dir, name, path, st.st_mode, depth) : 0;
}

/* What the mask empties, whether the host has it or not. */
static int copy_emptied(struct hostroot_maker *m, const char *path)
{
    int fd = openat(m->mid, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    int r = 0;

    if (list == NULL) { /* nothing is masked here */
        base_closep(&fd);
        return 0;
    }
    while (r == 0 && (e = readdir(list)) != NULL) {
        cleanup_free char *child =
            str_eq(path, ".") ? xstrdup(e->d_name) : xasprintf("%s/%s", path, e->d_name);
        struct stat st;

        if (is_whiteout(m->mid, child) && fstatat(m->top, child, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode))
            r = make_directory(m, child, st.st_mode);
    }
    (void)closedir(list);
    return r;
}

static int copy_entries(struct hostroot_maker *m, int dir, const char *path, unsigned depth)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    int r;

    if (list == NULL) {
        r = -errno;
        base_closep(&fd);
        return r;
    }
    r = copy_emptied(m, path);
    while (r == 0 && (e = readdir(list)) != NULL) {
        cleanup_free char *child =
            str_eq(path, ".") ? xstrdup(e->d_name) : xasprintf("%s/%s", path, e->d_name);

        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            r = copy_entry(m, dir, e->d_name, child, depth);
    }
    (void)closedir(list);
    return r;
}

/* ---- the views; in the stage ---- */

static int attach_anew(int mount, const char *path)
{
    return mkdir(path, 0755) < 0 ? -errno : mount_attach(mount, path);
}

static void add_lower(struct strbuf *list, const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        strbuf_addf(list, "%s%s", list->len > 0 ? ":" : "", path);
}

/* An overlay and no bind mount: the host's own FIFOs, sockets and file locks stay out of reach. */
static int mount_view(size_t root, const char *path, const char *lower, char **ret_lowers,
                      int *ret_mount)
{
    cleanup_free char *top = xasprintf("/lower/%zu/0/top/%s", root, path);
    cleanup_free char *mid = xasprintf("/lower/%zu/0/mid/%s", root, path);
    cleanup_strbuf struct strbuf lowers = {0};
    int mount;

    add_lower(&lowers, top);
    add_lower(&lowers, mid);
    add_lower(&lowers, lower);
    if (strchr(lowers.data, ':') == NULL)
        strbuf_adds(&lowers, ":/empty"); /* it wants two */
    mount = overlay_make_readonly(lowers.data);
    if (mount < 0)
        return mount;
    *ret_mount = mount;
    *ret_lowers = steal_ptr(lowers.data);
    return 0;
}

static int attach_view(const struct hostroot_maker *m, size_t i)
{
    cleanup_free char *lower = xasprintf("/lower/%zu/h/%zu", m->views->root, i);
    cleanup_free char *place = xasprintf("/lower/%zu/v/%zu", m->views->root, i);
    cleanup_close int mount = -EBADF;
    int r = attach_anew(m->mounts[i], lower);

    if (r == 0)
        r = mount_view(m->views->root, m->views->path[i], lower, &m->views->lowers[i], &mount);
    return r == 0 ? attach_anew(mount, place) : r;
}

static int attach_all(struct sandbox_stage *s, const struct hostroot_maker *m, int mask)
{
    cleanup_free char *place = xasprintf("/lower/%zu/0", m->views->root);
    cleanup_free char *lowers = xasprintf("lower/%zu/h", m->views->root);
    cleanup_free char *views = xasprintf("lower/%zu/v", m->views->root);
    int r = file_mkdir_p_at(s->tmpfs, lowers, 0755);

    if (r == 0)
        r = file_mkdir_p_at(s->tmpfs, views, 0755);
    if (r == 0)
        r = stage_enter(s);
    if (r == 0)
        r = attach_anew(mask, place);
    for (size_t i = 0; r == 0 && i < m->views->n; i++)
        r = attach_view(m, i);
    stage_leave(s);
    return r;
}

/* ---- all of it ---- */

static struct host_views *new_views(struct sandbox_stage *s, size_t root)
{
    struct host_views *v = xcalloc(1, sizeof(*v));

    v->root = root;
    v->next = s->views;
    s->views = v;
    return v;
}

int hostroot_attach(struct sandbox_stage *s, size_t index, int mask_layer, int host,
                    struct cupel_error *err)
{
    cleanup_close int mask = -EBADF, top = -EBADF, mid = -EBADF, base = -EBADF, dir = -EBADF;
    struct hostroot_maker m = {.views = new_views(s, index)};
    int r = mask_mount(mask_layer, 0, &mask);

    if (r == 0)
        r = hidden_lay_over_host(s->hidden, mask, host);
    if (r == 0 && mkdirat(mask, "base", 0755) < 0)
        r = -errno;
    if (r == 0) {
        m.top = top = openat(mask, "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        m.mid = mid = openat(mask, "mid", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        m.base = base = openat(mask, "base", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = openat(host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = top < 0 || mid < 0 || base < 0 || dir < 0 ? -errno : copy_entries(&m, dir, ".", 0);
    }
    if (r == 0)
        r = attach_all(s, &m, mask);
    for (size_t i = 0; i < m.views->n; i++)
        (void)close(m.mounts[i]);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot show the host's files as the root of a job")
                 : 0;
}

const struct host_views *hostroot_views(const struct sandbox_stage *s, size_t index)
{
    const struct host_views *v = s->views;

    while (v != NULL && v->root != index)
        v = v->next;
    return v;
}

void hostroot_free(struct sandbox_stage *s)
{
    while (s->views != NULL) {
        struct host_views *v = s->views;

        s->views = v->next;
        for (size_t i = 0; i < v->n; i++) {
            free(v->path[i]);
            free(v->lowers[i]);
        }
        free(v);
    }
}
