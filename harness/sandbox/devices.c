/* devices: the /dev of a job: a tmpfs of its own, made by the slot with real device nodes, so that two jobs share not
 * even the inode of their /dev/null (a lock on it would be a channel between them). A job in its user namespace cannot
 * make nodes; where the slot cannot either, the host's are lent (lend.c). */
#include "harness/sandbox/private.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

const struct device devices_table[DEVICES_COUNT] = {
    {"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

const struct sandbox_device *sandbox_devices(size_t *ret_n)
{
    static const struct sandbox_device devices[] = {
        {1, 3, false},  {1, 5, false}, {1, 7, false}, {1, 8, false}, {1, 9, false}, {5, 0, false}, /* the table above */
        {5, 2, false},  /* ptmx, the master side of a terminal */
        {136, 0, true}, /* its other side, in pts */
    };

    *ret_n = ARRAY_SIZE(devices);
    return devices;
}

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
};

static const char *const mount_points[] = {"pts", "shm", "mqueue"};

static int populate(int dir, uint32_t id_base, bool nodes)
{
    for (size_t i = 0; i < DEVICES_COUNT; i++) {
        const struct device *d = &devices_table[i];

        if (mknodat(dir, d->name, nodes ? S_IFCHR | 0666 : S_IFREG | 0666, nodes ? makedev(d->major, d->minor) : 0) <
                0 ||
            fchownat(dir, d->name, id_base, id_base, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
    }
    if (weakened("device-nodes") && mknodat(dir, "kmsg", S_IFCHR | 0666, makedev(1, 11)) < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        if (symlinkat(links[i].target, dir, links[i].name) < 0 ||
            fchownat(dir, links[i].name, id_base, id_base, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(mount_points); i++)
        if (mkdirat(dir, mount_points[i], 0755) < 0)
            return -errno;
    return 0;
}

int devices_mount(uint32_t id_base, bool nodes, int *ret_mount)
{
    cleanup_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), mount = -EBADF;
    char id[16];
    mode_t mask;
    int r;

    (void)snprintf(id, sizeof(id), "%u", id_base);
    /* bounded: a job may make files here, which count as its memory */
    if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "64", 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "uid", id, 0) < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "gid", id, 0) < 0 ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (mount < 0)
        return -errno;
    mask = umask(0);
    r = populate(mount, id_base, nodes);
    (void)umask(mask);
    if (r < 0)
        return r;
    *ret_mount = steal_fd(&mount);
    return 0;
}
