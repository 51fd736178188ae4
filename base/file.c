/* SPDX-License-Identifier: Apache-2.0 */
/* file: fd-relative files. Nothing here follows a link out of where it was told to stay; nothing
 * falls back from an fd to a path. Not responsible for temporary directories or locks. */
#include "base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define COPY_BLOCK ((size_t)128 * 1024)

static int open_resolve(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? mode : 0,
        .resolve = resolve,
    };
    long fd;

    /* EAGAIN: a rename or mount raced with the look-up of ".." (openat2(2)); try again, but not for
     * ever. */
    for (int tries = 0; tries < 128; tries++) {
        fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
    return open_resolve(dirfd, path, flags, mode,
                        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int file_open_in_root(int dirfd, const char *path, int flags, mode_t mode)
{
    return open_resolve(dirfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int file_read_fd(int fd, size_t max, char **ret_data, size_t *ret_len)
{
    cleanup_strbuf struct strbuf b = {0};
    char chunk[16 * 1024];

    strbuf_add(&b, "", 0);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        if (b.len + (size_t)n > max)
            return -EFBIG;
        strbuf_add(&b, chunk, (size_t)n);
    }
    *ret_len = b.len;
    *ret_data = steal_ptr(b.data);
    return 0;
}

int file_open_trusted(const char *path, size_t trusted, int flags)
{
    cleanup_free char *prefix = NULL;
    cleanup_close int dir = -EBADF;
    const char *rest = path + trusted;
    int fd;

    if (*rest == '\0') {
        fd = open(path, flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    rest += strspn(rest, "/");
    prefix = trusted > 0 ? strndup(path, trusted) : xstrdup("/");
    if (prefix == NULL)
        return -ENOMEM;
    dir = open(prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    return open_resolve(dir, *rest != '\0' ? rest : ".", flags, 0,
                        RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

char *file_first_link(const char *path, size_t trusted, char **ret_target)
{
    size_t end = trusted;

    while (path[end] != '\0') {
        cleanup_free char *part = NULL;
        char target[4096];
        ssize_t n;

        end += strspn(path + end, "/");
        end += strcspn(path + end, "/");
        part = strndup(path, end);
        n = part != NULL ? readlink(part, target, sizeof(target) - 1) : -1;
        if (n < 0)
            continue;
        target[n] = '\0';
        *ret_target = xstrdup(target);
        return steal_ptr(part);
    }
    return NULL;
}

static int read_regular(int fd, size_t max, char **ret_data, size_t *ret_len)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > 0 && (uint64_t)st.st_size > max)
        return -EFBIG;
    return file_read_fd(fd, max, ret_data, ret_len);
}

int file_read_at(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len)
{
    /* O_NONBLOCK: opening a FIFO must not hang */
    cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? -errno : read_regular(fd, max, ret_data, ret_len);
}

int file_read_trusted(const char *path, size_t trusted, size_t max, char **ret_data,
                      size_t *ret_len)
{
    cleanup_close int fd = file_open_trusted(path, trusted, O_RDONLY | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? fd : read_regular(fd, max, ret_data, ret_len);
}

int file_flush(int fd)
{
    int other = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return other < 0 || close(other) < 0 ? -errno : 0;
}

int file_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Adds what is left of the copy, by reading it. */
static int copy_by_reading(int from, off_t at, uint64_t len, int to)
{
    cleanup_free char *block = xmalloc(COPY_BLOCK);

    while (len > 0) {
        ssize_t n = pread(from, block, len < COPY_BLOCK ? (size_t)len : COPY_BLOCK, at);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        r = file_write_all(to, block, (size_t)n);
        if (r < 0)
            return r;
        at += n;
        len -= (uint64_t)n;
    }
    return 0;
}

int file_copy_part(int from, uint64_t at, uint64_t len, int to)
{
    off_t where = (off_t)at;

    while (len > 0) {
        ssize_t n = copy_file_range(from, &where, to, NULL, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* not between these two file systems, or that is all: reading tells */
            return copy_by_reading(from, where, len, to);
        len -= (uint64_t)n;
    }
    return 0;
}

static int write_aside(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                       bool lasting)
{
    cleanup_free char *aside = xasprintf("%s.%d.tmp", path, (int)getpid());
    cleanup_close int fd = -EBADF;
    int r;

    /* what has that name, perhaps a second one of somebody's file, is not written into */
    if (unlinkat(dirfd, aside, 0) < 0 && errno != ENOENT)
        return -errno;
    fd = openat(dirfd, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    r = file_write_all(fd, data, len);
    if (r == 0 && ((lasting && fsync(fd) < 0) || renameat(dirfd, aside, dirfd, path) < 0))
        r = -errno;
    if (r < 0)
        (void)unlinkat(dirfd, aside, 0);
    return r;
}

int file_write_atomic_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode)
{
    return write_aside(dirfd, path, data, len, mode, true);
}

int file_write_passing_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode)
{
    return write_aside(dirfd, path, data, len, mode, false);
}

int file_put_at(int dirfd, const char *path, const char *text)
{
    cleanup_close int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t n = strlen(text);
    ssize_t w;

    if (fd < 0)
        return -errno;
    w = write(fd, text, n);
    if (w < 0)
        return -errno;
    return (size_t)w == n ? 0 : -EIO;
}

int file_mkdir_p_at(int dirfd, const char *path, mode_t mode)
{
    cleanup_free char *copy = xstrdup(path);
    struct stat st;

    for (char *p = copy + (*copy == '/'); *p != '\0'; p++) {
        if (*p != '/' || p == copy)
            continue;
        *p = '\0';
        if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    if (mkdirat(dirfd, copy, mode) == 0)
        return 0;
    if (errno != EEXIST || fstatat(dirfd, copy, &st, 0) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR; /* EEXIST is said of a file as well */
}

int file_open_dir_p_at(int dirfd, const char *path, mode_t mode)
{
    int r = file_mkdir_p_at(dirfd, path, mode);
    int fd;

    if (r < 0)
        return r;
    fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* A directory that refuses to be listed or emptied (mode 000, immutable to others) still belongs to
 * us as root; its mode is widened first. */
static DIR *open_for_removal(int dirfd, const char *name, dev_t device)
{
    cleanup_close int fd =
        openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    DIR *dir;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) < 0)
        return NULL;
    if (st.st_dev != device) {
        errno = EXDEV; /* a mount: not ours to empty */
        return NULL;
    }
    if ((st.st_mode & S_IRWXU) != S_IRWXU)
        (void)fchmod(fd, S_IRWXU);
    dir = fdopendir(fd);
    if (dir != NULL)
        (void)steal_fd(&fd);
    return dir;
}

/* Removes every non-directory of `dir`; moves every subdirectory up into `top` under a fresh name,
 * so that a tree deeper than there are descriptors or path length is emptied without recursion. */
static int lift_subdirectories(DIR *dir, int top, uint64_t *serial)
{
    struct dirent *e;
    int fd = dirfd(dir);

    while ((errno = 0, e = readdir(dir)) != NULL) {
        char fresh[32];

        if (file_is_dot(e->d_name))
            continue;
        if (e->d_type != DT_DIR) { /* or DT_UNKNOWN, which only some file systems say */
            if (unlinkat(fd, e->d_name, 0) == 0 || errno == ENOENT)
                continue;
            if (errno != EISDIR && errno != EPERM)
                return -errno;
        }
        if (unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0)
            continue;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return -errno;
        if (fd == top)
            continue; /* already at the top: the caller comes to it */
        do {
            (void)snprintf(fresh, sizeof(fresh), ".cupel-rm-%llu", (unsigned long long)(*serial)++);
        } while (faccessat(top, fresh, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
        if (renameat(fd, e->d_name, top, fresh) < 0)
            return -errno;
    }
    return -errno;
}

/* Empties a directory of `top` into it, and removes it. */
static int remove_at_top(int top, const char *name, dev_t device, uint64_t *serial)
{
    DIR *dir = open_for_removal(top, name, device);
    int r;

    if (dir == NULL)
        return errno == ENOENT ? 0 : -errno;
    r = lift_subdirectories(dir, top, serial);
    (void)closedir(dir);
    return r == 0 && unlinkat(top, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : r;
}

/* Empties `top`. One pass empties each directory at the top, whose own subdirectories arrive there
 * in turn. */
static int remove_content(DIR *top, dev_t device)
{
    uint64_t serial = 0;
    bool any = true;
    int r = lift_subdirectories(top, dirfd(top), &serial);

    while (r == 0 && any) {
        struct dirent *e;

        any = false;
        rewinddir(top);
        while (r == 0 && (e = readdir(top)) != NULL) {
            if (file_is_dot(e->d_name))
                continue;
            any = true;
            r = remove_at_top(dirfd(top), e->d_name, device, &serial);
        }
    }
    return r;
}

int file_remove_tree_at(int parent, const char *name)
{
    struct stat st;
    DIR *top;
    int r;

    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno == ENOTDIR)
        return unlinkat(parent, name, 0) < 0 && errno != ENOENT ? -errno : 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -errno;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -EPERM;
    top = open_for_removal(parent, name, st.st_dev);
    if (top == NULL)
        return -errno;
    r = remove_content(top, st.st_dev);
    (void)closedir(top);
    return r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : r;
}
