/* upper_user: what jobs write into where there are no disks to be had: a tmpfs, or a directory of
 * the store; see upper.h. */
#include "harness/sandbox/sandbox_private.h"
#include "harness/sandbox/slot/upper.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

static struct upper *new_upper(enum upper_kind kind)
{
    struct upper *u = xcalloc(1, sizeof(*u));

    *u = (struct upper){.kind = kind,
                        .mount = -EBADF,
                        .fd = -EBADF,
                        .image = -EBADF,
                        .loop = -EBADF,
                        .losses = -EBADF,
                        .store_dirfd = -EBADF};
    return u;
}

/* ---- memory ---- */

static int set_number(int fs, const char *key, uint64_t n)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, n);
    return fsconfig(fs, FSCONFIG_SET_STRING, key, text, 0) < 0 ? -errno : 0;
}

static int mount_tmpfs(uint64_t bytes, uint64_t inodes, int *ret_mount)
{
    cleanup_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), mount = -EBADF;
    int r = fs < 0 ? -errno : set_number(fs, "size", bytes);

    if (r == 0)
        r = set_number(fs, "nr_inodes", inodes);
    if (r == 0 && (fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
                   fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0))
        r = -errno;
    if (r < 0)
        return r;
    mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
    if (mount < 0)
        return -errno;
    *ret_mount = steal_fd(&mount);
    return 0;
}

int upper_open_memory(uint64_t bytes, uint64_t inodes, uint64_t shares, struct upper **ret,
                      struct cupel_error *err)
{
    struct upper *u = new_upper(UPPER_MEMORY);
    int r;

    u->bytes = bytes;
    u->inodes = inodes;
    u->shares = shares;
    r = mount_tmpfs(bytes + shares * UPPER_OWN_BYTES, inodes + shares * UPPER_OWN_INODES,
                    &u->mount);
    if (r == 0) {
        u->fd = openat(u->mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = u->fd < 0 ? -errno : upper_statistics(u, &u->empty_bytes, &u->empty_inodes);
    }
    if (r < 0) {
        upper_close(u, true);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the job's disk in memory");
    }
    *ret = u;
    return 0;
}

int upper_trim(const struct upper *u, uint64_t bytes, uint64_t inodes)
{
    cleanup_close int fs = -EBADF;
    uint64_t used, used_inodes;
    int r = u->kind == UPPER_MEMORY ? upper_statistics(u, &used, &used_inodes) : -EINVAL;

    if (r < 0)
        return r;
    fs = fspick(u->fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
    if (fs < 0)
        return -errno;
    /* whole pages: no more than was asked for */
    if (bytes != UINT64_MAX)
        r = set_number(fs, "size", (used + bytes) / UPPER_BLOCK * UPPER_BLOCK);
    if (r == 0 && inodes != UINT64_MAX)
        r = set_number(fs, "nr_inodes", used_inodes + inodes);
    if (r == 0 && fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
        r = -errno;
    return r;
}

/* ---- a directory ---- */

static int bind_directory(int fd, int *ret_mount)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME,
                              .attr_clr = MOUNT_ATTR__ATIME};
    cleanup_close int mount =
        open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (mount < 0)
        return -errno;
    if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
        /* how the host updates access times may not be ours to change */
        attr = (struct mount_attr){.attr_set = MOUNT_ATTR_NODEV};
        if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
            return -errno;
    }
    *ret_mount = steal_fd(&mount);
    return 0;
}

/* What is left when a file system refuses a write that does not fit: less than this is full. */
#define FULL_BYTES (UINT64_C(1) << 20)

int upper_store_left(const struct upper *u, struct sandbox_disk *ret)
{
    struct statvfs fs;

    if (u->kind != UPPER_DIRECTORY)
        return -ENODATA;
    if (fstatvfs(u->fd, &fs) < 0)
        return -errno;
    ret->bytes_left = (uint64_t)fs.f_bavail * fs.f_frsize;
    /* some have as many as there is room */
    ret->inodes_left = fs.f_files > 0 ? (uint64_t)fs.f_favail : UINT64_MAX;
    ret->bytes_full = ret->bytes_left < FULL_BYTES;
    ret->inodes_full = ret->inodes_left == 0;
    return 0;
}

int upper_open_directory(int store_dirfd, struct upper **ret, struct cupel_error *err)
{
    struct upper *u = new_upper(UPPER_DIRECTORY);
    int r = 0;

    u->bytes = u->inodes = UINT64_MAX;
    u->store_dirfd = store_dirfd;
    (void)snprintf(u->name, sizeof(u->name), "upper-%d-%" PRIx64, (int)getpid(),
                   clock_monotonic_ns());
    if (mkdirat(store_dirfd, u->name, 0700) < 0)
        r = -errno;
    if (r == 0) {
        u->fd = openat(store_dirfd, u->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = u->fd < 0 ? -errno : bind_directory(u->fd, &u->mount);
    }
    if (r == 0)
        r = losses_make_room(u->fd);
    if (r < 0) {
        upper_close(u, true);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot make a directory for jobs to write into in the store");
    }
    *ret = u;
    return 0;
}

static int try_overlay(int dir)
{
    static const char *const names[] = {"l", "u", "w"};
    static const char *const keys[] = {"lowerdir", "upperdir", "workdir"};
    cleanup_close int fs = fsopen("overlay", FSOPEN_CLOEXEC), mount = -EBADF, upper = -EBADF;

    if (fs < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[64];

        if (mkdirat(dir, names[i], 0700) < 0)
            return -errno;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, names[i]);
        if (fsconfig(fs, FSCONFIG_SET_STRING, keys[i], path, 0) < 0)
            return -errno;
    }
    if (overlay_set_common(fs) < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
    if (mount < 0 || mkdirat(mount, "d", 0700) < 0)
        return -errno;
    /* without these, overlayfs mounts, and then fails to replace a directory of the root */
    upper = openat(dir, "u", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return upper < 0 || fsetxattr(upper, "user.overlay.try", "y", 1, 0) < 0 ? -errno : 0;
}

bool upper_directory_works(int store_dirfd)
{
    char name[32];
    cleanup_close int dir = -EBADF;
    int r;

    (void)snprintf(name, sizeof(name), "try-%d", (int)getpid());
    if (mkdirat(store_dirfd, name, 0700) < 0)
        return false;
    dir = openat(store_dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = dir < 0 ? -errno : try_overlay(dir);
    (void)file_remove_tree_at(store_dirfd, name); /* what stays goes with the run's directory */
    return r == 0;
}
