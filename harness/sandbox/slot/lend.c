/* SPDX-License-Identifier: Apache-2.0 */
/* lend: what the host lends to the stage where a slot cannot make its own: device nodes. The kernel
 * lets nobody but the host's root make any, and no file system that a user namespace has mounted
 * shows one. So the host's own are attached in the stage, once, each looked at first: a /dev that
 * somebody else made may have anything under these names (runc CVE-2025-31133, -52565). Two jobs
 * then share an inode, and a lock on it is seen by both: docs/rootless.md. */
#include "harness/sandbox/slot/lend.h"
#include "harness/sandbox/init/device_table.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"

#include "base/base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int clone_device(const struct device *d, int *ret_mount)
{
    /* not nodev, which is the point */
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                              .propagation = MS_PRIVATE};
    char path[32];
    cleanup_close int fd = -EBADF, mount = -EBADF;
    struct stat st;
    int r;

    (void)snprintf(path, sizeof(path), "/dev/%s", d->name);
    fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(d->major, d->minor))
        return -ENODEV;
    r = mount = mount_clone_fd(fd);
    if (r >= 0)
        r = mount_change(mount, &attr);
    if (r < 0)
        return r;
    *ret_mount = steal_fd(&mount);
    return 0;
}

static int attach_device(struct sandbox_stage *s, const struct device *d, int mount)
{
    char path[32];
    cleanup_close int file = -EBADF;
    int r = 0;

    (void)snprintf(path, sizeof(path), "dev/%s", d->name);
    file = openat(s->tmpfs, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (file < 0)
        return -errno;
    r = stage_enter(s);
    if (r == 0)
        r = mount_attach_at(mount, s->tmpfs, path);
    stage_leave(s);
    return r;
}

int lend_devices(struct sandbox_stage *s, uint32_t devices, struct cupel_error *err)
{
    for (size_t i = 0; i < DEVICES_COUNT; i++) {
        cleanup_close int mount = -EBADF;
        int r;

        if (!devices_has(devices, devices_table[i].id))
            continue;
        r = clone_device(&devices_table[i], &mount);
        if (r == 0)
            r = attach_device(s, &devices_table[i], mount);
        if (r < 0) {
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                  "cannot lend the host's /dev/%s to jobs", devices_table[i].name);
            if (r == -ENODEV)
                cupel_error_hint(err, "it has to be the character device %u:%u",
                                 devices_table[i].major, devices_table[i].minor);
            return r;
        }
    }
    return 0;
}
