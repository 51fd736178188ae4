/* SPDX-License-Identifier: Apache-2.0 */
/* merge: see merge.h. By overlayfs itself, on a mount that is attached nowhere and goes with its
 * fd: whiteouts, opaque directories and copies of hard links mean then exactly what they mean for a
 * job. */
#include "rootfs-cache/store/merge.h"

#include <fcntl.h>
#include <sys/mount.h>

/* A string option of the mount API is at most this long with its NUL (strndup_user in fs/fsopen.c).
 * So the layers are named by their fds, from /proc/self/fd. */
#define OPTION_MAX 256

static int name_layers(const struct cache_root *root, char *text)
{
    size_t used = 0;

    for (size_t i = 0; i < root->n_layers; i++) {
        int n = snprintf(text + used, OPTION_MAX - used, "%s%d", i > 0 ? ":" : "", root->layer[i]);

        if (n < 0 || (size_t)n >= OPTION_MAX - used)
            return -E2BIG;
        used += (size_t)n;
    }
    return 0;
}

static int mount_overlay(const char *lowers)
{
    cleanup_close int fs = fsopen("overlay", FSOPEN_CLOEXEC);
    int mount;

    if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", lowers, 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return mount < 0 ? -errno : mount;
}

static int open_merged(const struct cache_root *root)
{
    cleanup_close int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), mount = -EBADF;
    char lowers[OPTION_MAX];
    int r = name_layers(root, lowers), fd;

    if (r < 0 || back < 0)
        return r < 0 ? r : -errno;
    if (chdir("/proc/self/fd") < 0)
        return -errno;
    mount = mount_overlay(lowers);
    r = fchdir(back) < 0 ? -errno : mount;
    if (r < 0)
        return r;
    fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int merge_layers(const struct cache_root *root, const char *what, struct cupel_error *err)
{
    int fd = root->n_layers > 1 ? open_merged(root)
                                : openat(root->layer[0], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, root->n_layers > 1 ? fd : errno,
                           "cannot open the layers of '%s'", what);
}
