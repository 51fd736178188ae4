/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_copy: see artifact_copy.h. Not responsible for which files are copied. */
#include "harness/attempt/artifact_copy.h"

#include "base/weaken.h"
#include "harness/attempt/artifact_digest.h"
#include "harness/attempt/artifact_links.h"

#include <fcntl.h>
#include <string.h>

#define MADE_MAX 1000000u
/* A job's time is over, and whoever waits for its result has no way to hurry: ten minutes, and as
 * long as copying takes at a rate that any disk can do. */
#define TIME_NS (600 * NSEC_PER_SEC)
#define NS_PER_BYTE 250 /* 4 MB/s */
#define CHUNK ((off_t)128 << 10)
#define LOOK_BYTES ((off_t)8 << 20) /* between two looks at the clock */

static int make_dir(int dir, const char *name)
{
    if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    return file_open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

int artifact_copier_open(struct artifact_copier *c, int dir)
{
    c->end_ns = clock_monotonic_ns() + TIME_NS;
    c->links = artifact_links_new(dir);
    c->digest = artifact_digest_new();
    c->buffer = xmalloc((size_t)CHUNK);
    return artifact_place_begin(&c->to, dir, make_dir);
}

void artifact_copier_close(struct artifact_copier *c)
{
    artifact_place_end(&c->to);
    artifact_links_free(c->links);
    artifact_digest_free(c->digest);
    free(c->buffer);
}

bool artifact_copier_stops(struct artifact_copier *c)
{
    if (c->stop == ARTIFACT_GOES_ON && clock_monotonic_ns() > c->end_ns + c->bytes * NS_PER_BYTE)
        c->stop = ARTIFACT_TOO_LATE;
    if (c->stop == ARTIFACT_GOES_ON && c->cancelled != NULL && c->cancelled(c->data))
        c->stop = ARTIFACT_CANCELLED;
    return c->stop != ARTIFACT_GOES_ON;
}

/* ---- bytes ---- */

/* Copies the bytes from `at` to `end` to the same place, and hashes them on the way. */
static int copy_extent(struct artifact_copier *c, int from, int to, off_t at, off_t end)
{
    off_t look = at + LOOK_BYTES;

    if (lseek(to, at, SEEK_SET) < 0)
        return -errno;
    while (at < end) {
        ssize_t n = pread(from, c->buffer, (size_t)(end - at < CHUNK ? end - at : CHUNK), at);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        artifact_digest_add(c->digest, c->buffer, (size_t)n);
        r = file_write_all(to, c->buffer, (size_t)n);
        if (r < 0)
            return r;
        at += n;
        c->bytes += (uint64_t)n;
        if (at < end && at >= look && artifact_copier_stops(c))
            return -ECANCELED;
        look = at >= look ? at + LOOK_BYTES : look;
    }
    return 0;
}

/* The next piece of data at or behind *at, up to the hole that follows it; false when there is
 * none. */
static int next_extent(int from, off_t *at, off_t *ret_end)
{
    off_t data = lseek(from, *at, SEEK_DATA);

    if (data < 0)
        return errno == ENXIO ? 0 : -errno; /* nothing but a hole up to the end */
    *ret_end = lseek(from, data, SEEK_HOLE);
    *at = data;
    return *ret_end < 0 ? -errno : 1;
}

/* Holes stay holes, and count for nothing: a sparse file of a terabyte costs its data only. */
static int copy_bytes(struct artifact_copier *c, int from, int to, off_t size)
{
    off_t at = 0, end = 0, before = 0;
    int r = 0;

    artifact_digest_begin(c->digest);
    if (weakened("artifact-holes"))
        return copy_extent(c, from, to, 0, size);
    for (; at < size && (r = next_extent(from, &at, &end)) > 0; at = end) {
        if ((uint64_t)(end - at) > c->left)
            c->stop = ARTIFACT_OVER_MAX;
        artifact_digest_add_hole(c->digest, (uint64_t)(at - before));
        before = end;
        if (artifact_copier_stops(c))
            return -ECANCELED;
        r = copy_extent(c, from, to, at, end);
        if (r < 0)
            return r;
        c->left -= (uint64_t)(end - at);
    }
    if (r < 0)
        return r;
    artifact_digest_add_hole(c->digest, (uint64_t)(size - before));
    return ftruncate(to, size) < 0 ? -errno : 0;
}

/* ---- a file ---- */

static bool count_one(struct artifact_copier *c)
{
    if (c->made++ >= MADE_MAX && c->stop == ARTIFACT_GOES_ON)
        c->stop = ARTIFACT_TOO_MANY;
    return c->stop == ARTIFACT_GOES_ON;
}

/* Makes the directories of the path that are not there yet. */
static int go_to(struct artifact_copier *c, const struct artifact_path *path)
{
    char name[ARTIFACT_NAME_SIZE];
    int r = 0;

    while (r == 0 && c->to.depth < path->depth) {
        r = count_one(c) ? artifact_place_down(&c->to, artifact_path_name(path, c->to.depth, name))
                         : -ECANCELED;
        if (r == 0)
            r = reports_out_give(c->out, artifact_place_fd(&c->to));
    }
    return r;
}

/* Gives a copy its mode and the time of its last change, which nobody reads it by any more. */
static int take_after(int to, const struct stat *st, mode_t also)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};

    if (fchmod(to, (st->st_mode & 0755) | also) < 0 || futimens(to, times) < 0)
        return -errno;
    return 0;
}

int artifact_copier_left(struct artifact_copier *c, const struct artifact_path *path, size_t depth,
                         int from)
{
    struct stat st;
    int r;

    if (c->to.depth != depth)
        return 0;
    /* its owner has to be able to remove what is in it */
    r = fstat(from, &st) < 0 ? -errno : take_after(artifact_place_fd(&c->to), &st, 0700);
    return r < 0 ? r : artifact_place_up(&c->to, path);
}

static int make_copy(struct artifact_copier *c, int from, const struct stat *st, const char *name,
                     struct reports_file *ret)
{
    int dir = artifact_place_fd(&c->to), r;
    cleanup_close int to = file_open_beneath(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644);

    if (to < 0)
        return to;
    r = reports_out_give(c->out, to);
    if (r == 0)
        r = copy_bytes(c, from, to, st->st_size);
    if (r == 0)
        r = take_after(to, st, 0);
    if (r == 0)
        r = file_flush(to);
    if (r < 0)
        (void)unlinkat(dir, name, 0); /* half a file is none */
    else
        artifact_digest_end(c->digest, ret);
    return r;
}

/* A file of several names: the first one is copied, the others become names of that copy. */
static int link_or_copy(struct artifact_copier *c, int from, const struct stat *st,
                        const char *name, struct reports_file *ret)
{
    int dir = artifact_place_fd(&c->to), r = artifact_links_use(c->links, st, dir, name, ret);

    /* EMLINK: the copy has as many names as its file system allows */
    if (r != -ENOENT && r != -EMLINK)
        return r;
    r = make_copy(c, from, st, name, ret);
    if (r == 0 && !artifact_links_keep(c->links, st, dir, name, ret))
        c->stop = ARTIFACT_TOO_MANY;
    return r;
}

static const struct {
    int error;
    const char *why;
} whys[] = {
    {EEXIST, "has a name that the out directory takes for another's; not copied"},
    {ENAMETOOLONG, "has a name that is too long for the out directory; not copied"},
    {EFBIG, "is longer than a file in the out directory can be; not copied"},
    {EXDEV, "is another name of a file, and the out directory has no hard links; not copied"},
    {ENOTDIR, "has a name that the out directory takes for another's; not copied"},
    {ELOOP, "has a name that the out directory takes for another's; not copied"},
};

/* What an answer of the file system means for the entry; negative is the out directory's fault. */
static int artifact_copier_answer(int r, const char **ret_why)
{
    *ret_why = NULL;
    if (r == -ECANCELED)
        return 1;
    for (size_t i = 0; i < ARRAY_SIZE(whys); i++)
        if (r == -whys[i].error) {
            *ret_why = whys[i].why;
            return 1;
        }
    return r;
}

int artifact_copier_take(struct artifact_copier *c, int from, const struct artifact_path *path,
                         const char *name, struct reports_file *ret, const char **ret_why)
{
    struct stat st;
    int r = fstat(from, &st) < 0 ? -errno : go_to(c, path);

    *ret = (struct reports_file){0};
    if (r == 0)
        r = !count_one(c) ? -ECANCELED
            : st.st_nlink > 1 && !weakened("artifact-copies")
                ? link_or_copy(c, from, &st, name, ret)
                : make_copy(c, from, &st, name, ret);
    ret->has_size = r == 0;
    ret->size = r == 0 ? (uint64_t)st.st_size : 0;
    return artifact_copier_answer(r, ret_why);
}

int artifact_copier_make(struct artifact_copier *c, const struct artifact_path *path,
                         const char **ret_why)
{
    return artifact_copier_answer(go_to(c, path), ret_why);
}

/* What a link says takes room like a file's bytes. */
static bool count_target(struct artifact_copier *c, size_t bytes)
{
    if (bytes > c->left)
        c->stop = ARTIFACT_OVER_MAX;
    if (c->stop != ARTIFACT_GOES_ON || !count_one(c))
        return false;
    c->left -= bytes;
    c->bytes += bytes;
    return true;
}

static int make_link(struct artifact_copier *c, const char *name, const char *target,
                     const struct stat *st)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
    int dir = artifact_place_fd(&c->to), r;
    cleanup_close int link = -EBADF;

    if (symlinkat(target, dir, name) < 0)
        return -errno;
    link = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    r = link < 0 ? -errno : reports_out_give(c->out, link);
    if (r == 0 && utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    return r;
}

int artifact_copier_link(struct artifact_copier *c, const struct artifact_path *path,
                         const char *name, const char *target, const struct stat *st,
                         const char **ret_why)
{
    int r = go_to(c, path);

    if (r == 0)
        r = count_target(c, strlen(target)) ? make_link(c, name, target, st) : -ECANCELED;
    return artifact_copier_answer(r, ret_why);
}
