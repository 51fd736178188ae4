/* SPDX-License-Identifier: Apache-2.0 */
/* dev_nodes: the /dev of a job: a tmpfs of its own, made by the slot with real device nodes, so
 * that two jobs share not even the inode of their /dev/null (a lock on it would be a channel
 * between them). A job in its user namespace cannot make nodes; where the slot cannot either, the
 * host's are lent (lend.c). */
#include "harness/sandbox/slot/dev_nodes.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/device_table.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

size_t sandbox_devices(uint32_t asked, struct sandbox_device list[static SANDBOX_DEVICES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < DEVICES_COUNT; i++)
        if (devices_has(asked | JOBS_DEVICES_USUAL, devices_table[i].id))
            list[n++] =
                (struct sandbox_device){devices_table[i].major, devices_table[i].minor, false};
    list[n++] = (struct sandbox_device){5, 2, false};  /* ptmx, the master side of a terminal */
    list[n++] = (struct sandbox_device){136, 0, true}; /* its other side, in pts */
    return n;
}

/* ---- what a job asks for beyond the usual ---- */

/* Opens the device as a job of an ordinary user would: with none of the groups that the user is in.
 */
static int try_open(const struct device *d, const struct sandbox_privilege *privilege)
{
    char path[32];
    int status = 0;
    pid_t pid;

    (void)snprintf(path, sizeof(path), "/dev/%s", d->name);
    pid = _Fork();
    if (pid == 0) {
        int fd = privilege->host || safe_drop_groups(privilege->ids) == 0
                     ? open(path, O_RDWR | O_CLOEXEC)
                     : -1;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
            _exit(errno);
        _exit(S_ISCHR(st.st_mode) && st.st_rdev == makedev(d->major, d->minor) ? 0 : ENODEV);
    }
    if (pid < 0)
        return -errno;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int explain(const struct device *d, int r, struct cupel_error *err)
{
    bool closed = r == -EACCES || r == -EPERM;

    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "%s /dev/%s",
                          closed ? "you may not open this machine's" : "this machine has no",
                          d->name);
    if (closed)
        cupel_error_hint(err,
                         "a job is in none of your groups, so the device has to be open to all: "
                         "chmod o+rw /dev/%s; or "
                         "start cupel as root",
                         d->name);
    else if (d->id == JOBS_DEVICE_KVM)
        cupel_error_hint(
            err,
            "load kvm_intel or kvm_amd; in a virtual machine, its host has to allow nesting; in a "
            "container, give it the device");
    return r;
}

int sandbox_devices_check(uint32_t devices, const struct sandbox_privilege *privilege,
                          struct cupel_error *err)
{
    for (size_t i = 0; i < DEVICES_COUNT; i++) {
        int r = devices_has(devices & ~JOBS_DEVICES_USUAL, devices_table[i].id)
                    ? try_open(&devices_table[i], privilege)
                    : 0;

        if (r < 0)
            return explain(&devices_table[i], r, err);
    }
    return 0;
}

/* ---- the file system ---- */

/* Those that are no device are there with null, which always is. */
static const struct {
    enum jobs_device with;
    const char *name, *target;
} links[] = {
    {JOBS_DEVICE_NULL, "fd", "/proc/self/fd"},
    {JOBS_DEVICE_NULL, "stdin", "/proc/self/fd/0"},
    {JOBS_DEVICE_NULL, "stdout", "/proc/self/fd/1"},
    {JOBS_DEVICE_NULL, "stderr", "/proc/self/fd/2"},
    {JOBS_DEVICE_PTMX, "ptmx", "pts/ptmx"},
};

static const enum jobs_device mount_points[] = {JOBS_DEVICE_PTS, JOBS_DEVICE_SHM,
                                                JOBS_DEVICE_MQUEUE};

static int make_node(int dir, const struct device *d, uint32_t id_base, bool nodes)
{
    mode_t mode = nodes ? S_IFCHR | 0666 : S_IFREG | 0666;

    return mknodat(dir, d->name, mode, nodes ? makedev(d->major, d->minor) : 0) < 0 ||
                   fchownat(dir, d->name, id_base, id_base, AT_SYMLINK_NOFOLLOW) < 0
               ? -errno
               : 0;
}

static int populate(int dir, uint32_t id_base, uint32_t devices, bool nodes)
{
    for (size_t i = 0; i < DEVICES_COUNT; i++) {
        int r = devices_has(devices, devices_table[i].id)
                    ? make_node(dir, &devices_table[i], id_base, nodes)
                    : 0;

        if (r < 0)
            return r;
    }
    if (weakened("device-nodes") && mknodat(dir, "kmsg", S_IFCHR | 0666, makedev(1, 11)) < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        if (devices_has(devices, links[i].with) &&
            (symlinkat(links[i].target, dir, links[i].name) < 0 ||
             fchownat(dir, links[i].name, id_base, id_base, AT_SYMLINK_NOFOLLOW) < 0))
            return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(mount_points); i++)
        if (devices_has(devices, mount_points[i]) &&
            mkdirat(dir, jobs_device_names[mount_points[i]], 0755) < 0)
            return -errno;
    return 0;
}

int devices_mount(uint32_t id_base, uint32_t devices, bool nodes, int *ret_mount)
{
    char id[16];
    /* bounded: a job may make files here, which count as its memory */
    const struct mount_option options[] = {
        {"size", "64k"}, {"nr_inodes", "64"}, {"mode", "0755"}, {"uid", id}, {"gid", id}};
    cleanup_close int mount = -EBADF;
    mode_t mask;
    int r;

    (void)snprintf(id, sizeof(id), "%u", id_base);
    mount =
        mount_make("tmpfs", options, ARRAY_SIZE(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (mount < 0)
        return mount;
    mask = umask(0);
    r = populate(mount, id_base, devices, nodes);
    (void)umask(mask);
    if (r < 0)
        return r;
    *ret_mount = steal_fd(&mount);
    return 0;
}
