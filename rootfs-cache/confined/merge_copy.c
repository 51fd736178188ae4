/* SPDX-License-Identifier: Apache-2.0 */
/* merge_copy: several layers become one tree, as overlayfs would show them
 * (Documentation/filesystems/overlayfs.rst): of each name the topmost layer's counts, whiteouts
 * delete, opaque directories hide, other directories merge and are like the topmost. In the
 * confined child: no link is followed. Not responsible for the store (flatten.c). */
#include "rootfs-cache/confined/merge_copy.h"

#include "rootfs-cache/confined/links.h"
#include "rootfs-cache/confined/replicate.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/xattr.h>

#define DEPTH_MAX 2048 /* what a name of 4095 bytes can have */

struct flat {
    const struct merge_copy_layers *layers;
    struct links links;
    struct child_counts *counts;
    struct cupel_error *err;
    size_t held, held_links; /* bytes, see hold() */
};

#define STOP_MS 50 /* how often it is asked whether to give up */

/* As of an archive (unpack.h). */
#define BYTES_MAX (UINT64_C(64) << 30)

/* Of what a job saved, likewise. */
#define ENTRIES_MAX UINT64_C(1000000)
#define HELD_MAX ((size_t)64 << 20)
#define HELD_BESIDE (sizeof(struct name) + 32) /* of memory, a name */

/* A name in the directory at hand. */
struct name {
    char *name;
    size_t top;    /* which of the directory's parts has it: 0 is the topmost */
    size_t *parts; /* of a directory: the layers that have parts of it */
    size_t n_parts;
};

struct directory {
    const char *path;
    const size_t *parts; /* layers, top first */
    size_t n_parts;
    int *fds; /* of each part */
    struct name *names;
    size_t n_names, room;
};

static const char *task_of(const struct merge_copy_layers *layers)
{
    return layers->partial ? "copy a layer" : layers->plain ? "copy a directory" : "merge layers";
}

/* Says what is wrong with the tree: there is no word of the machine's errors in it. */
static int BASE_PRINTF(3, 4) merge_copy_refuse(struct flat *f, int errnum, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf why = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&why, fmt, ap);
    va_end(ap);
    (void)cupel_error_set(f->err, CUPEL_ERROR_INPUT, 0, "refused to %s: %s", task_of(f->layers),
                          why.data);
    return errnum;
}

static int merge_copy_fail(struct flat *f, const char *path, int errnum)
{
    if (errnum == -ENOSPC || errnum == -EDQUOT) {
        (void)cupel_error_set(f->err, CUPEL_ERROR_HARNESS, errnum,
                              "cannot %s: the root cache's disk is full", task_of(f->layers));
        cupel_error_hint(
            f->err, "free space, remove layers with `cupel rootfs remove`, or set CUPEL_CACHE to a "
                    "directory on a bigger disk");
        return errnum;
    }
    if (errnum == -E2BIG)
        return merge_copy_refuse(f, errnum, "at '%.100s' its names take more than %zu MiB", path,
                                 HELD_MAX >> 20);
    if (errnum == -ELOOP)
        return merge_copy_refuse(f, errnum, "its directories are nested too deep");
    return cupel_error_set(f->err, CUPEL_ERROR_HARNESS, errnum, "cannot %s, at '%.200s'",
                           task_of(f->layers), path);
}

static void close_parts(struct directory *d)
{
    for (size_t i = 0; d->fds != NULL && i < d->n_parts; i++)
        base_closep(&d->fds[i]);
    free(d->fds);
    d->fds = NULL;
}

static void directory_free(struct directory *d)
{
    close_parts(d);
    for (size_t i = 0; i < d->n_names; i++) {
        free(d->names[i].name);
        free(d->names[i].parts);
    }
    free(d->names);
}

/* ---- what there is ---- */

/* What has to be held in memory of a tree that a job has filled is bounded: the names of a
 * directory and of those above it, and of files with further names where they were first seen. */
static int hold(struct flat *f, size_t *held, size_t length)
{
    *held += length + HELD_BESIDE;
    return f->layers->plain && f->held + f->held_links > HELD_MAX ? -E2BIG : 0;
}

static int merge_copy_read_names(struct flat *f, struct directory *d, size_t part)
{
    cleanup_close int fd = openat(d->fds[part], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    int r = 0;

    if (list == NULL)
        return -errno;
    fd = -EBADF; /* the list's */
    while (errno = 0, r == 0 && (e = readdir(list)) != NULL) {
        if (file_is_dot(e->d_name))
            continue;
        if (d->n_names == d->room) {
            d->room = d->room > 0 ? 2 * d->room : 64;
            d->names = xrealloc(d->names, d->room * sizeof(*d->names));
        }
        d->names[d->n_names++] = (struct name){.name = xstrdup(e->d_name), .top = part};
        r = hold(f, &f->held, strlen(e->d_name));
    }
    if (r == 0)
        r = -errno;
    (void)closedir(list);
    return r;
}

static int merge_copy_by_name(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    int c = strcmp(x->name, y->name);

    return c != 0 ? c : (x->top > y->top) - (x->top < y->top);
}

static void keep_topmost(struct directory *d)
{
    size_t kept = 0;

    if (d->n_names > 0)
        qsort(d->names, d->n_names, sizeof(*d->names), merge_copy_by_name);
    for (size_t i = 0; i < d->n_names; i++) {
        if (kept > 0 && str_eq(d->names[kept - 1].name, d->names[i].name))
            free(d->names[i].name);
        else
            d->names[kept++] = d->names[i];
    }
    d->n_names = kept;
}

static int read_directory(struct flat *f, struct directory *d)
{
    int r = 0;

    d->fds = xcalloc(d->n_parts, sizeof(*d->fds));
    for (size_t i = 0; i < d->n_parts; i++)
        d->fds[i] = -EBADF;
    for (size_t i = 0; r == 0 && i < d->n_parts; i++) {
        d->fds[i] =
            file_open_beneath(f->layers->layer[d->parts[i]], d->path, O_RDONLY | O_DIRECTORY, 0);
        r = d->fds[i] < 0 ? d->fds[i] : merge_copy_read_names(f, d, i);
    }
    keep_topmost(d);
    return r;
}

/* The layers that have parts of a directory beneath: down to the one that is opaque, or has
 * something else there. */
static int merge_copy_find_parts(const struct directory *d, struct name *name)
{
    name->parts = xcalloc(d->n_parts, sizeof(*name->parts));
    for (size_t i = name->top; i < d->n_parts; i++) {
        cleanup_close int fd = -EBADF;
        struct stat st;

        if (fstatat(d->fds[i], name->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno != ENOENT)
                return -errno;
            continue;
        }
        if (!S_ISDIR(st.st_mode))
            return 0;
        fd = openat(d->fds[i], name->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        name->parts[name->n_parts++] = d->parts[i];
        if (replicate_is_opaque(fd))
            return 0;
    }
    return 0;
}

/* ---- copying ---- */

static int merge_copy_link(int dir, const char *name, const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

    if (n < 0)
        return -errno;
    target[n] = '\0';
    return symlink(target, path) < 0 ? -errno : 0;
}

/* A hole takes no room, and nothing to copy, but whoever hashes the layer reads it: what a file
 * reads as is what counts. */
static int count_bytes(struct flat *f, const char *path, const struct stat *st)
{
    char size[UNIT_TEXT_SIZE];

    if (!__builtin_add_overflow(f->counts->bytes, (uint64_t)st->st_size, &f->counts->bytes) &&
        f->counts->bytes <= BYTES_MAX)
        return 0;
    (void)cupel_error_set(f->err, CUPEL_ERROR_INPUT, 0,
                          "refused to %s: with '%.200s' it holds more than %s", task_of(f->layers),
                          path, unit_format_size(BYTES_MAX, size));
    cupel_error_hint(f->err, "files count as what they read as, holes included");
    return -EFBIG;
}

static int merge_copy_other(int dir, const char *name, const char *path, const struct stat *st)
{
    cleanup_close int from = -EBADF;
    int r;

    if (S_ISREG(st->st_mode)) {
        from = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        r = from < 0 ? -errno : replicate_copy_file(from, path);
    } else if (S_ISLNK(st->st_mode)) {
        r = merge_copy_link(dir, name, path);
    } else if (S_ISFIFO(st->st_mode)) {
        r = mkfifo(path, 0600) < 0 ? -errno : 0;
    } else {
        return -ENOTSUP; /* no unpacking makes anything else */
    }
    return r < 0 ? r : replicate_make(path, st, from);
}

static bool is_left_out(const struct flat *f, const char *path)
{
    for (const char *const *p = f->layers->without; p != NULL && *p != NULL; p++)
        if (str_eq(*p, path))
            return true;
    return false;
}

/* What is not the same in a tree and in a layer: 1 when it is done with. */
static int take_partial(struct flat *f, const char *path, const struct stat *st)
{
    if (is_left_out(f, path))
        return 1;
    if (replicate_is_whiteout(st)) {
        f->counts->entries++;
        /* takes no right (vfs_mknod(), fs/namei.c) */
        return mknod(path, S_IFCHR, 0) < 0 ? merge_copy_fail(f, path, -errno) : 1;
    }
    if (S_ISDIR(st->st_mode) || S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) ||
        S_ISFIFO(st->st_mode))
        return 0;
    f->counts->skipped_devices++;
    return 1;
}

/* What is no part of a plain tree: 1. A whiteout is none either, but deletes. */
static int take_plain(struct flat *f, const char *path, const struct stat *st)
{
    if (!replicate_is_whiteout(st) && !S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode) &&
        !S_ISLNK(st->st_mode)) {
        f->counts->skipped_devices++;
        return 1;
    }
    if (f->counts->entries < ENTRIES_MAX)
        return 0;
    return cupel_error_set(f->err, CUPEL_ERROR_INPUT, 0,
                           "refused to %s: with '%.200s' it has more than %llu names",
                           task_of(f->layers), path, (unsigned long long)ENTRIES_MAX);
}

static int merge_copy_take(struct flat *f, const struct directory *d, struct name *name)
{
    cleanup_free char *path =
        str_eq(d->path, ".") ? xstrdup(name->name) : xasprintf("%s/%s", d->path, name->name);
    const char *first;
    struct stat st;
    int r = 0;

    if (fstatat(d->fds[name->top], name->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return merge_copy_fail(f, path, -errno);
    if (f->layers->partial)
        r = take_partial(f, path, &st);
    else if (f->layers->plain)
        r = take_plain(f, path, &st);
    if (r != 0 || replicate_is_whiteout(&st))
        return r < 0 ? r : 0;
    f->counts->entries++;
    first = links_seen(&f->links, d->parts[name->top], &st, path);
    if (S_ISDIR(st.st_mode))
        r = mkdir(path, 0700) < 0 ? -errno : merge_copy_find_parts(d, name);
    else if (first != NULL)
        r = link(first, path) < 0 ? -errno : 0;
    else if (st.st_nlink > 1 && hold(f, &f->held_links, strlen(path)) < 0)
        r = -E2BIG;
    else if (S_ISREG(st.st_mode) && count_bytes(f, path, &st) < 0)
        return -EFBIG;
    else
        r = merge_copy_other(d->fds[name->top], name->name, path, &st);
    return r < 0 ? merge_copy_fail(f, path, r) : 0;
}

static int merge(struct flat *f, const char *path, const size_t *parts, size_t n_parts, int depth);

/* Descriptors are few: those of this directory are closed by now. */
static int merge_directories(struct flat *f, const struct directory *d, int depth)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < d->n_names; i++) {
        const struct name *n = &d->names[i];
        cleanup_free char *path =
            str_eq(d->path, ".") ? xstrdup(n->name) : xasprintf("%s/%s", d->path, n->name);

        if (n->n_parts > 0)
            r = merge(f, path, n->parts, n->n_parts, depth + 1);
    }
    return r;
}

/* The directory's own attributes last: what is made in it changes its time. */
static int make_like_top(struct flat *f, const char *path, size_t layer, int depth)
{
    cleanup_close int top =
        file_open_beneath(f->layers->layer[layer], path, O_RDONLY | O_DIRECTORY, 0);
    struct stat st;
    int r = top < 0 ? top : fstat(top, &st) < 0 ? -errno : replicate_make(path, &st, top);

    if (r == 0 && f->layers->partial && depth > 0 && replicate_is_opaque(top) &&
        lsetxattr(path, LIKENESS_OPAQUE, "y", 1, 0) < 0)
        r = -errno;
    return r < 0 ? merge_copy_fail(f, path, r) : 0;
}

static int merge(struct flat *f, const char *path, const size_t *parts, size_t n_parts, int depth)
{
    struct directory d = {.path = path, .parts = parts, .n_parts = n_parts};
    size_t held = f->held;
    int r = depth >= DEPTH_MAX ? -ELOOP : read_directory(f, &d);

    r = r < 0 ? merge_copy_fail(f, path, r) : 0;
    for (size_t i = 0; r == 0 && i < d.n_names; i++)
        r = merge_copy_take(f, &d, &d.names[i]);
    close_parts(&d);
    if (r == 0)
        r = merge_directories(f, &d, depth);
    if (r == 0)
        r = make_like_top(f, path, parts[0], depth);
    directory_free(&d);
    f->held = held; /* its names are gone */
    return r;
}

static int merge_in_child(void *arg, int fd, struct child_counts *counts, struct cupel_error *err)
{
    const struct merge_copy_layers *layers = arg;
    struct flat f = {.layers = layers, .counts = counts, .err = err};
    size_t *parts = xcalloc(layers->n, sizeof(*parts)), n = 0;
    int r;

    (void)fd;
    while (n < layers->n) {
        cleanup_close int dir = openat(layers->layer[n], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        parts[n] = n;
        n++;
        if (replicate_is_opaque(dir))
            break;
    }
    r = merge(&f, ".", parts, n, 0);
    links_free(&f.links);
    free(parts);
    return r;
}

int merge_copy_stoppable(const struct merge_copy_layers *layers, int tree, int keep,
                         merge_copy_stop_fn *stop, void *data, struct child_counts *ret_counts,
                         struct cupel_error *err)
{
    struct merge_copy_layers mine = *layers;
    const struct child_work work = {.fn = merge_in_child,
                                    .arg = &mine,
                                    .what = task_of(layers),
                                    .tree = tree,
                                    .fd = -EBADF,
                                    .keep = keep,
                                    .more = mine.layer,
                                    .n_more = mine.n};
    struct child_process *child;
    struct pollfd done;
    int r = child_start(&work, &child, err);

    if (r < 0)
        return r;
    done = (struct pollfd){.fd = child_socket(child), .events = POLLIN};
    while (stop != NULL && poll(&done, 1, STOP_MS) <= 0)
        if (stop(data)) {
            child_abandon(child);
            return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, ECANCELED, "cannot %s",
                                   task_of(layers));
        }
    return child_end(child, ret_counts, err);
}

int merge_copy(const struct merge_copy_layers *layers, int tree, int keep,
               struct child_counts *ret_counts, struct cupel_error *err)
{
    return merge_copy_stoppable(layers, tree, keep, NULL, NULL, ret_counts, err);
}
