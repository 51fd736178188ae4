/* SPDX-License-Identifier: Apache-2.0 */
/* loop: a loop device over a file, which lets go of it by itself. What lies on it is upper.c's. */
#include "harness/sandbox/slot/loop.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/upper.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* A container's /dev is a tmpfs with the nodes that there were when it was started, if any; the
 * kernel's own has them all, and who may mount disks may mount that one, too. A devices controller
 * that forbids them still does. */
static int open_kernel_node(const char *name, int flags)
{
    cleanup_close int mount =
        mount_make("devtmpfs", NULL, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    int fd;

    if (mount < 0)
        return -ENOENT;
    fd = openat(mount, name, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int sandbox_open_device(const char *name, int flags)
{
    char path[32];
    int fd;

    (void)snprintf(path, sizeof(path), "/dev/%s", name);
    fd = open(path, flags | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    return errno == ENOENT ? open_kernel_node(name, flags) : -errno;
}

#define SECTOR 512u

/* Programs that write past the kernel's cache (O_DIRECT) expect to do so in sectors. The loop
 * device can where its file can be written so; elsewhere it would have to go by way of the cache,
 * and everything that a job writes would be there twice (lo_can_use_dio() in drivers/block/loop.c).
 */
static uint32_t block_size(int image)
{
#ifdef STATX_DIOALIGN
    struct statx st;

    if (statx(image, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == 0 &&
        (st.stx_mask & STATX_DIOALIGN) != 0 && st.stx_dio_offset_align != 0 &&
        st.stx_dio_offset_align <= SECTOR)
        return SECTOR;
#else
    (void)image;
#endif
    return UPPER_BLOCK;
}

static int configure(int loop, int image, bool read_only)
{
    struct loop_config config = {
        .fd = (uint32_t)image,
        .block_size = block_size(image),
        .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
                             (read_only ? LO_FLAGS_READ_ONLY : 0u)},
    };

    if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
        return 0;
    if (errno != EINVAL)
        return -errno;
    config.info.lo_flags &= ~(uint32_t)LO_FLAGS_DIRECT_IO; /* this disk has none */
    return ioctl(loop, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
}

int loop_attach(int image, bool read_only, int *ret_loop, char *path, size_t path_size)
{
    cleanup_close int control = sandbox_open_device("loop-control", O_RDWR);
    int r = -EBUSY;

    if (control < 0)
        return control;
    /* EBUSY: somebody else took it; try the next */
    for (int tries = 0; r == -EBUSY && tries < 64; tries++) {
        cleanup_close int loop = -EBADF;
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        if (number < 0)
            return -errno;
        (void)snprintf(path, path_size, "/dev/loop%d", number);
        loop = sandbox_open_device(path + strlen("/dev/"), read_only ? O_RDONLY : O_RDWR);
        if (loop < 0)
            return loop;
        r = configure(loop, image, read_only);
        if (r == 0)
            *ret_loop = steal_fd(&loop);
    }
    return r;
}

int loop_explain(int errnum, const char *path, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, errnum,
                          "cannot attach the job's disk to a loop device (%s)", path);
    if (errnum == -EPERM || errnum == -EACCES)
        cupel_error_hint(err, "this container has CAP_SYS_ADMIN, but not the loop devices: start "
                              "it with --privileged or "
                              "--device-cgroup-rule='b 7:* rmw' --device-cgroup-rule='c 10:237 "
                              "rmw', or cupel without that "
                              "capability, as without root: setpriv --bounding-set=-sys_admin "
                              "--inh-caps=-sys_admin cupel "
                              "... (docs/containers.md)");
    else
        cupel_error_hint(err, "load the kernel's loop module (modprobe loop)");
    return errnum;
}

int loop_check(struct cupel_error *err)
{
    cleanup_close int control = sandbox_open_device("loop-control", O_RDWR);

    int r = control;

    if (r >= 0 && ioctl(control, LOOP_CTL_GET_FREE) < 0)
        r = -errno;
    return r < 0 ? loop_explain(r, "/dev/loop-control", err) : 0;
}
