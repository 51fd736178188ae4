/* SPDX-License-Identifier: Apache-2.0 */
/* mount: the kernel's mount API in the forms that the sandbox uses, by the slot and by PID 1. What
 * is mounted, with which options and where, is told by the callers.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/mount.h"

#include "base/base.h"

#include <fcntl.h>

/* ---- making ---- */

int mount_begin(const char *type)
{
    int fs = fsopen(type, FSOPEN_CLOEXEC);

    return fs < 0 ? -errno : fs;
}

int mount_set(int fs, const char *key, const char *value)
{
    return fsconfig(fs, value != NULL ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0
               ? -errno
               : 0;
}

static int set_all(int fs, const struct mount_option *options, size_t n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = mount_set(fs, options[i].key, options[i].value);
    return r;
}

int mount_create(int fs)
{
    return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

int mount_finish(int fs, unsigned attributes)
{
    int mount = fsmount(fs, FSMOUNT_CLOEXEC, attributes);

    return mount < 0 ? -errno : mount;
}

int mount_make(const char *type, const struct mount_option *options, size_t n, unsigned attributes)
{
    cleanup_close int fs = mount_begin(type);
    int r = fs < 0 ? fs : set_all(fs, options, n);

    if (r == 0)
        r = mount_create(fs);
    return r < 0 ? r : mount_finish(fs, attributes);
}

int mount_reconfigure(int fd, const struct mount_option *options, size_t n)
{
    cleanup_close int fs = fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
    int r = fs < 0 ? -errno : set_all(fs, options, n);

    if (r == 0 && fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
        r = -errno;
    return r;
}

/* ---- cloning ---- */

int mount_clone(int dir, const char *path, unsigned flags)
{
    int mount = open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

    return mount < 0 ? -errno : mount;
}

int mount_clone_fd(int fd)
{
    return mount_clone(fd, "", AT_EMPTY_PATH);
}

int mount_change(int mount, const struct mount_attr *attr)
{
    struct mount_attr copy = *attr;

    return mount_setattr(mount, "", AT_EMPTY_PATH, &copy, sizeof(copy)) < 0 ? -errno : 0;
}

/* ---- attaching ---- */

int mount_attach(int mount, const char *path)
{
    return mount_attach_at(mount, AT_FDCWD, path);
}

int mount_attach_at(int mount, int dir, const char *path)
{
    return move_mount(mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

int mount_attach_to(int mount, int target)
{
    return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
               ? -errno
               : 0;
}
