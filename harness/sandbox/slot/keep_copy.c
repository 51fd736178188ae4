/* SPDX-License-Identifier: Apache-2.0 */
/* keep_copy: what a job wrote into memory, copied to the store as it is: owners, modes, times,
 * attributes (overlayfs' own among them), whiteouts, FIFOs, sockets, holes, hard links. Nobody of
 * the job is left by then, but names, sizes and shapes are the job's: so nothing is opened by a
 * path, no link is followed, and depth, bytes and files have bounds. */
#include "harness/sandbox/slot/keep_copy.h"
#include "harness/sandbox/init/copy_data.h"
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/seen.h"

#include "base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DEPTH_MAX 128
#define LINKS                                                                                      \
    "links" /* in the target while it is made: a name by inode for each file that has several */

struct copying {
    const struct keep_copy_bounds *bounds;
    struct owner_change change;
    uint64_t bytes, files;
    int links;
    bool partly; /* of the present directory, `seen` has to be asked */
    struct seen_at at;
};

static int check(const struct copying *c)
{
    if (c->bytes > c->bounds->bytes || c->files > c->bounds->files)
        return -EFBIG;
    return c->bounds->stopped != NULL && c->bounds->stopped(c->bounds->data) ? -ECANCELED : 0;
}

/* ---- one thing ---- */

/* Overlayfs' own attributes would mean something in a layer: nobody but it makes them there. */
static bool is_attribute_wanted(const struct copying *c, const char *name)
{
    return c->bounds->ids == 0 ||
           (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}

static int copy_attributes(const struct copying *c, int from, int to)
{
    char names[65536]; /* XATTR_LIST_MAX, and XATTR_SIZE_MAX */
    char value[65536];
    ssize_t n = flistxattr(from, names, sizeof(names));

    if (n < 0)
        return errno == ENOTSUP ? 0 : -errno;
    for (const char *name = names; name < names + n; name += strlen(name) + 1) {
        ssize_t size;

        if (!is_attribute_wanted(c, name))
            continue;
        size = fgetxattr(from, name, value, sizeof(value));
        if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
            return -errno;
    }
    return 0;
}

/* Returns the owner that a mount with the same change would show, except that files of unmapped
 * owners become root's: see id_map.h. */
static uint32_t owner(const struct copying *c, uint32_t id, const struct id_change *change)
{
    const struct keep_copy_bounds *b = c->bounds;
    uint32_t is = id;

    if (b->ids == 0)
        return id;
    if (change->from != change->to && (id == change->from || id == change->to))
        is = id == change->from ? change->to : change->from;
    return b->id_base + (is < b->ids ? is : 0);
}

static uid_t owner_user(const struct copying *c, const struct stat *st)
{
    return owner(c, st->st_uid, &c->change.uid);
}

static gid_t owner_group(const struct copying *c, const struct stat *st)
{
    return owner(c, st->st_gid, &c->change.gid);
}

static void times_of(const struct copying *c, const struct stat *st, struct timespec ret[2])
{
    ret[0] = c->bounds->time != NULL ? *c->bounds->time : st->st_atim;
    ret[1] = c->bounds->time != NULL ? *c->bounds->time : st->st_mtim;
}

/* The owner first: a change of owner takes set-user-ID bits away. */
static int copy_owner(const struct copying *c, int to, const struct stat *st)
{
    struct timespec times[2];

    times_of(c, st, times);
    return fchown(to, owner_user(c, st), owner_group(c, st)) < 0 ||
                   fchmod(to, st->st_mode & 07777) < 0 || futimens(to, times) < 0
               ? -errno
               : 0;
}

static int count_piece(void *data, size_t n)
{
    struct copying *c = data;

    c->bytes += n;
    return check(c);
}

static int copy_data(struct copying *c, int from, int to, off_t size)
{
    off_t at = 0;
    int r = ftruncate(to, size) < 0 ? -errno : 0;

    while (r == 0 && at < size) {
        off_t data = lseek(from, at, SEEK_DATA), hole;

        if (data < 0)
            return errno == ENXIO ? 0 : -errno; /* the rest is a hole */
        hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            return -errno;
        r = copy_data_extent(from, to, data, hole, count_piece, c);
        at = hole;
    }
    return r;
}

static int copy_file(struct copying *c, int from_dir, int to_dir, const char *name)
{
    cleanup_close int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
                      to = -EBADF;
    struct stat st;
    int r;

    if (from < 0 || fstat(from, &st) < 0)
        return -errno;
    to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return -errno;
    r = copy_data(c, from, to, st.st_size);
    if (r == 0)
        r = copy_attributes(c, from, to);
    return r == 0 ? copy_owner(c, to, &st) : r;
}

static int copy_symlink(const struct copying *c, int from_dir, int to_dir, const char *name,
                        const struct stat *st)
{
    struct timespec times[2];
    char target[4096];
    ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

    if (n < 0)
        return -errno;
    target[n] = '\0';
    times_of(c, st, times);
    return symlinkat(target, to_dir, name) < 0 ||
                   fchownat(to_dir, name, owner_user(c, st), owner_group(c, st),
                            AT_SYMLINK_NOFOLLOW) < 0 ||
                   utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0
               ? -errno
               : 0;
}

/* FIFOs, sockets, whiteouts. Other devices an ordinary user's jobs cannot have made. */
static int copy_node(const struct copying *c, int to_dir, const char *name, const struct stat *st)
{
    struct timespec times[2];

    times_of(c, st, times);
    if (c->bounds->ids != 0 && !S_ISFIFO(st->st_mode) && !S_ISSOCK(st->st_mode))
        return 0;
    return mknodat(to_dir, name, st->st_mode & (S_IFMT | 0777), st->st_rdev) < 0 ||
                   fchownat(to_dir, name, owner_user(c, st), owner_group(c, st),
                            AT_SYMLINK_NOFOLLOW) < 0 ||
                   (c->bounds->time != NULL &&
                    utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
               ? -errno
               : 0;
}

static int copy_tree(struct copying *c, int from, int to, unsigned depth);

/* An input shows the directory that something is mounted on, whatever its mode. */
static bool is_mounted(const struct copying *c, int dir)
{
    struct statx st;

    return c->bounds->ids != 0 && statx(dir, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) == 0 &&
           (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int copy_opened(struct copying *c, int from, int to_dir, const char *name, unsigned depth)
{
    cleanup_close int to = -EBADF;
    struct stat st;
    int r;

    if (fstat(from, &st) < 0 || mkdirat(to_dir, name, 0700) < 0)
        return -errno;
    to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return -errno;
    r = is_mounted(c, from) ? 0 : copy_tree(c, from, to, depth + 1);
    if (r == 0)
        r = copy_attributes(c, from, to);
    return r == 0 ? copy_owner(c, to, &st) : r;
}

static int copy_directory(struct copying *c, int from_dir, int to_dir, const char *name,
                          unsigned depth)
{
    cleanup_close int from = -EBADF;

    if (depth == DEPTH_MAX)
        return -ELOOP;
    from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return from < 0 ? -errno : copy_opened(c, from, to_dir, name, depth);
}

static int copy_other(struct copying *c, int from, int to, const char *name, const struct stat *st)
{
    char number[24];
    bool several = st->st_nlink > 1;
    int r;

    (void)snprintf(number, sizeof(number), "%" PRIu64, (uint64_t)st->st_ino);
    if (several && linkat(c->links, number, to, name, 0) == 0)
        return 0;
    r = S_ISREG(st->st_mode)   ? copy_file(c, from, to, name)
        : S_ISLNK(st->st_mode) ? copy_symlink(c, from, to, name, st)
                               : copy_node(c, to, name, st);
    if (r == 0 && several && linkat(to, name, c->links, number, 0) < 0)
        r = -errno;
    return r;
}

/* Copies an entry, but for what is left out. */
static int copy_entry(struct copying *c, int from, int to, const char *name, const struct stat *st,
                      unsigned depth)
{
    const struct seen_at at = c->at;
    const bool partly = c->partly;
    struct seen_at below = {0};
    enum seen_what what =
        c->partly ? seen_look(c->bounds->seen, &c->at, name, S_ISDIR(st->st_mode), &below)
                  : SEEN_ALL;
    int r = 0;

    if (what != SEEN_NOT && !S_ISDIR(st->st_mode))
        return copy_other(c, from, to, name, st);
    if (what != SEEN_NOT) {
        c->partly = what == SEEN_PARTLY;
        c->at = below;
        r = copy_directory(c, from, to, name, depth);
        c->partly = partly;
        c->at = at;
    }
    seen_at_free(&below);
    return r;
}

/* Everything in it. */
static int copy_tree(struct copying *c, int from, int to, unsigned depth)
{
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (list == NULL) {
        r = -errno;
        base_closep(&fd);
        return r;
    }
    while (r == 0 && (errno = 0, e = readdir(list)) != NULL) {
        struct stat st;

        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        c->files++;
        r = check(c);
        if (r == 0 && fstatat(from, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            r = -errno;
        if (r == 0 && !hidden_is(c->bounds->hidden, &st))
            r = copy_entry(c, from, to, e->d_name, &st, depth);
    }
    if (r == 0 && errno != 0)
        r = -errno;
    (void)closedir(list);
    return r;
}

static int make_links(struct copying *c, int dir, int *ret)
{
    if (mkdirat(dir, LINKS, 0700) < 0)
        return -errno;
    *ret = c->links = openat(dir, LINKS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return c->links < 0 ? -errno : 0;
}

int keep_copy_as(int from, int to_dir, const char *name, const struct keep_copy_bounds *bounds)
{
    struct copying c = {.bounds = bounds};
    cleanup_close int links = -EBADF;
    int r = make_links(&c, to_dir, &links);

    if (r == 0)
        r = copy_opened(&c, from, to_dir, name, 0);
    return r == 0 ? file_remove_tree_at(to_dir, LINKS) : r;
}

int keep_copy_into(int from_dir, int to_dir, const char *name,
                   const struct keep_copy_bounds *bounds)
{
    cleanup_close int from =
        openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return from < 0 ? -errno : keep_copy_as(from, to_dir, name, bounds);
}

int keep_copy_contents(int from, int to, int aside, const struct keep_copy_bounds *bounds)
{
    struct copying c = {.bounds = bounds, .change = *bounds->change};
    cleanup_close int links = -EBADF;
    struct stat st;
    int r = fstat(from, &st) < 0 ? -errno : make_links(&c, aside, &links);

    if (bounds->seen != NULL) {
        c.partly = true;
        seen_at_top(bounds->seen, &c.at);
    }
    if (r == 0)
        r = copy_tree(&c, from, to, 0);
    seen_at_free(&c.at);
    if (r == 0)
        r = copy_attributes(&c, from, to);
    if (r == 0)
        r = copy_owner(&c, to, &st);
    return r == 0 ? file_remove_tree_at(aside, LINKS) : r;
}

/* ---- how much there is ---- */

static uint64_t measure(int dir, const char *name, unsigned depth)
{
    int fd =
        depth < DEPTH_MAX ? openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    uint64_t sum = 0;

    if (list == NULL) {
        base_closep(&fd);
        return 0;
    }
    while ((e = readdir(list)) != NULL) {
        struct stat st;

        if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        sum += (uint64_t)st.st_blocks * 512 /
               (S_ISDIR(st.st_mode) || st.st_nlink == 0 ? 1 : (uint64_t)st.st_nlink);
        if (S_ISDIR(st.st_mode))
            sum += measure(fd, e->d_name, depth + 1);
    }
    (void)closedir(list);
    return sum;
}

uint64_t keep_copy_measure(int dir, const char *name)
{
    return measure(dir, name, 0);
}
