/* SPDX-License-Identifier: Apache-2.0 */
/* stage_mask: what the `host` root hides. The store has it as a layer of opaque directories and
 * whiteouts; but the store lies inside the host's "/", and overlayfs refuses a lower layer inside
 * another with ELOOP (ovl_check_layer(), fs/overlayfs/super.c). So each stage keeps a copy in a
 * tmpfs. That tmpfs may have no user.* attributes (before Linux 6.6), which opaque directories
 * need; two layers say the same without: the directories in `top`, whiteouts of the same names in
 * `mid`, which end the merge. */
#include "harness/sandbox/slot/stage_mask.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DEPTH_MAX 16

struct copy {
    int top, mid;
    uint32_t id_base;
};

static int make_directory(int dir, const char *name, const struct stat *st, uint32_t id_base)
{
    if (mkdirat(dir, name, 0700) < 0 ||
        fchownat(dir, name, id_base + st->st_uid % SANDBOX_ID_COUNT,
                 id_base + st->st_gid % SANDBOX_ID_COUNT, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(dir, name, st->st_mode & 07777, 0) < 0)
        return -errno;
    return 0;
}

static int make_whiteout(int dir, const char *name)
{
    return mknodat(dir, name, S_IFCHR, 0) < 0 ? -errno : 0;
}

static bool is_opaque(int fd)
{
    char value;

    return fgetxattr(fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static int copy_tree(int from, struct copy to, unsigned depth);

static int copy_directory(int from, const char *name, const struct stat *st, struct copy to,
                          unsigned depth)
{
    cleanup_close int sub = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                      top = -EBADF, mid = -EBADF;
    bool opaque = sub >= 0 && is_opaque(sub);
    int r = sub < 0 ? -errno : make_directory(to.top, name, st, to.id_base);

    if (r == 0)
        r = opaque ? make_whiteout(to.mid, name) : make_directory(to.mid, name, st, to.id_base);
    if (r < 0)
        return r;
    top = openat(to.top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!opaque)
        mid = openat(to.mid, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0 || (!opaque && mid < 0))
        return -errno;
    /* below an opaque directory `mid` has nothing to say: whatever is there goes to `top` alone */
    return copy_tree(sub, (struct copy){top, opaque ? -EBADF : mid, to.id_base}, depth + 1);
}

static int copy_entry(int from, const char *name, struct copy to, unsigned depth)
{
    struct stat st;

    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISCHR(st.st_mode) && st.st_rdev == 0)
        return make_whiteout(to.top, name);
    if (!S_ISDIR(st.st_mode))
        return -EINVAL; /* a mask has nothing else */
    if (to.mid < 0)
        return make_directory(to.top, name, &st, to.id_base);
    return copy_directory(from, name, &st, to, depth);
}

static int copy_tree(int from, struct copy to, unsigned depth)
{
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    int r = depth > DEPTH_MAX ? -ELOOP : 0;

    if (list == NULL) {
        base_closep(&fd);
        return -errno;
    }
    while (r == 0 && (e = readdir(list)) != NULL)
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            r = copy_entry(from, e->d_name, to, depth);
    (void)closedir(list);
    return r;
}

int mask_mount(int layer, uint32_t id_base, int *ret_mount)
{
    static const struct mount_option options[] = {{"mode", "0755"}, {"size", "64m"}};
    cleanup_close int mount = mount_make("tmpfs", options, ARRAY_SIZE(options),
                                         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV),
                      top = -EBADF, mid = -EBADF;
    struct stat st;
    int r;

    if (mount < 0 || fstatat(layer, "", &st, AT_EMPTY_PATH) < 0)
        return mount < 0 ? mount : -errno;
    r = make_directory(mount, "top", &st, id_base);
    if (r == 0)
        r = make_directory(mount, "mid", &st, id_base);
    if (r < 0)
        return r;
    top = openat(mount, "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mid = openat(mount, "mid", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 || mid < 0)
        return -errno;
    r = copy_tree(layer, (struct copy){top, mid, id_base}, 0);
    if (r == 0)
        *ret_mount = steal_fd(&mount);
    return r;
}
