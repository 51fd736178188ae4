/* SPDX-License-Identifier: Apache-2.0 */
/* upper_user: what jobs write into where there are no disks to be had: a tmpfs, or a directory of
 * the store; see upper.h. */
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/overlay.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/losses.h"
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

#define NUMBER_SIZE 24

static const char *number_text(uint64_t n, char buf[static NUMBER_SIZE])
{
    (void)snprintf(buf, NUMBER_SIZE, "%" PRIu64, n);
    return buf;
}

static int mount_tmpfs(uint64_t bytes, uint64_t inodes, int *ret_mount)
{
    char size[NUMBER_SIZE], files[NUMBER_SIZE];
    const struct mount_option options[] = {{"size", number_text(bytes, size)},
                                           {"nr_inodes", number_text(inodes, files)},
                                           {"mode", "0700"}};
    int mount =
        mount_make("tmpfs", options, ARRAY_SIZE(options), MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);

    if (mount < 0)
        return mount;
    *ret_mount = mount;
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
        upper_close(u);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the job's disk in memory");
    }
    *ret = u;
    return 0;
}

int upper_trim(const struct upper *u, uint64_t bytes, uint64_t inodes)
{
    char size[NUMBER_SIZE], files[NUMBER_SIZE];
    struct mount_option options[2];
    uint64_t used, used_inodes;
    size_t n = 0;
    int r = u->kind == UPPER_MEMORY ? upper_statistics(u, &used, &used_inodes) : -EINVAL;

    if (r < 0)
        return r;
    /* whole pages: no more than was asked for */
    if (bytes != UINT64_MAX)
        options[n++] = (struct mount_option){
            "size", number_text((used + bytes) / UPPER_BLOCK * UPPER_BLOCK, size)};
    if (inodes != UINT64_MAX)
        options[n++] = (struct mount_option){"nr_inodes", number_text(used_inodes + inodes, files)};
    return mount_reconfigure(u->fd, options, n);
}

/* ---- a directory ---- */

static int bind_directory(int fd, int *ret_mount)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME,
                              .attr_clr = MOUNT_ATTR__ATIME};
    cleanup_close int mount = mount_clone_fd(fd);
    int r;

    if (mount < 0)
        return mount;
    if (mount_change(mount, &attr) < 0) {
        /* how the host updates access times may not be ours to change */
        attr = (struct mount_attr){.attr_set = MOUNT_ATTR_NODEV};
        r = mount_change(mount, &attr);
        if (r < 0)
            return r;
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
        upper_close(u);
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
    cleanup_close int fs = mount_begin("overlay"), mount = -EBADF, upper = -EBADF;
    int r = fs < 0 ? fs : 0;

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[64];

        if (mkdirat(dir, names[i], 0700) < 0)
            return -errno;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, names[i]);
        r = mount_set(fs, keys[i], path);
        if (r < 0)
            return r;
    }
    r = overlay_set_common(fs);
    if (r == 0)
        r = mount_create(fs);
    if (r < 0)
        return r;
    mount = mount_finish(fs, MOUNT_ATTR_NODEV);
    if (mount < 0 || mkdirat(mount, "d", 0700) < 0)
        return mount < 0 ? mount : -errno;
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
