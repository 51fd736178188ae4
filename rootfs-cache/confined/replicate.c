/* SPDX-License-Identifier: Apache-2.0 */
/* replicate: see replicate.h. */
#include "rootfs-cache/confined/replicate.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define XATTR_LIST_MAX 65536

bool replicate_is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

bool replicate_is_opaque(int dir)
{
    char value[2];

    return fgetxattr(dir, LIKENESS_OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

static int copy_range(int from, int to, off_t at, off_t end)
{
    char buf[65536];

    while (at < end) {
        size_t want = (size_t)(end - at) < sizeof(buf) ? (size_t)(end - at) : sizeof(buf);
        ssize_t n = pread(from, buf, want, at), written = 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        while (written < n) {
            ssize_t w = pwrite(to, buf + written, (size_t)(n - written), at + written);

            if (w < 0 && errno != EINTR)
                return -errno;
            written += w > 0 ? w : 0;
        }
        at += n;
    }
    return 0;
}

int replicate_copy_file(int from, const char *to)
{
    cleanup_close int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat st;
    off_t at = 0;

    if (out < 0 || fstat(from, &st) < 0)
        return -errno;
    if (ioctl(out, FICLONE, from) == 0)
        return 0;
    while (at < st.st_size) {
        off_t data = lseek(from, at, SEEK_DATA), end;
        int r;

        if (data < 0 && errno == ENXIO) /* a hole up to the end */
            break;
        end = data < 0 ? st.st_size : lseek(from, data, SEEK_HOLE);
        r = copy_range(from, out, data < 0 ? at : data,
                       end < 0 || end > st.st_size ? st.st_size : end);
        if (r < 0)
            return r;
        at = end < 0 ? st.st_size : end;
    }
    return ftruncate(out, st.st_size) < 0 ? -errno : 0;
}

static int copy_xattrs(int from, const char *to)
{
    cleanup_free char *names = xmalloc(XATTR_LIST_MAX), *value = xmalloc(XATTR_SIZE_MAX);
    ssize_t n = flistxattr(from, names, XATTR_LIST_MAX);

    for (const char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
        ssize_t size;

        if (str_starts(name, "user.overlay.") || str_starts(name, "trusted.") ||
            str_eq(name, "security.selinux"))
            continue;
        size = fgetxattr(from, name, value, XATTR_SIZE_MAX);
        if (size >= 0 && lsetxattr(to, name, value, (size_t)size, 0) < 0)
            return -errno;
    }
    return n < 0 && errno != EOPNOTSUPP ? -errno : 0;
}

int replicate_make(const char *path, const struct stat *st, int from)
{
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    int r;

    if (geteuid() == 0 && fchownat(AT_FDCWD, path, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISLNK(st->st_mode) && chmod(path, st->st_mode & 07777) < 0)
        return -errno;
    r = from >= 0 ? copy_xattrs(from, path) : 0;
    return r == 0 && utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : r;
}
