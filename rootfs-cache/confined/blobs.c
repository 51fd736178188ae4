/* SPDX-License-Identifier: Apache-2.0 */
/* blobs: see blobs.h. */
#include "rootfs-cache/confined/blobs.h"

#include "rootfs-cache/confined/child.h"
#include "rootfs-cache/confined/contents.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct blobs {
    char *path;
    int fd; /* the directory, or the plain tar */
    bool archive;
};

void blob_close(struct blob *b)
{
    if (b->owned)
        base_closep(&b->fd);
    *b = (struct blob)BLOB_INIT;
}

void blobs_close(struct blobs *b)
{
    if (b == NULL)
        return;
    free(b->path);
    base_closep(&b->fd);
    free(b);
}

static void blobs_closep(struct blobs **b)
{
    blobs_close(*b);
}

const char *blobs_path(const struct blobs *b)
{
    return b->path;
}

bool blobs_is_archive(const struct blobs *b)
{
    return b->archive;
}

int blobs_fd(const struct blobs *b)
{
    return b->fd;
}

/* ---- opening ---- */

struct decompression {
    const char *path;
    int out;
};

static int decompress_in_child(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                               struct cupel_error *err)
{
    const struct decompression *d = arg;

    (void)self;
    (void)reply;
    return contents_decompress(fd, d->out, d->path, err);
}

bool blobs_is_compressed(const struct blobs *b)
{
    return b->archive && !contents_is_tar(b->fd);
}

int blobs_decompress(struct blobs *b, int place, int *out, struct cupel_error *err)
{
    cleanup_free char *what = xasprintf("read the image '%s'", b->path), *nothing = NULL;
    struct decompression d = {.path = b->path, .out = *out};
    struct child_work work = {.reader = decompress_in_child,
                              .arg = &d,
                              .what = what,
                              .tree = place,
                              .fd = b->fd,
                              .keep = -EBADF,
                              .more = &d.out,
                              .n_more = 1,
                              .long_work = true};
    size_t length;
    int r = child_read(&work, &nothing, &length, err);

    if (r < 0)
        return r;
    base_closep(&b->fd);
    b->fd = steal_fd(out);
    return 0;
}

int blobs_open(const char *path, const char *root, struct blobs **ret, struct cupel_error *err)
{
    _cleanup_(blobs_closep) struct blobs *b = xcalloc(1, sizeof(*b));
    struct stat st;
    int r;

    b->path = xstrdup(path);
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not hang */
    if (b->fd < 0 || fstat(b->fd, &st) < 0) {
        r = cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s' for root '%s'", path,
                            root);
        cupel_error_hint(err, "an image's path is relative to the job file");
        return r;
    }
    b->archive = !S_ISDIR(st.st_mode);
    if (b->archive && !S_ISREG(st.st_mode))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "cannot use '%s' for root '%s': neither file nor directory", path,
                               root);
    *ret = steal_ptr(b);
    return 0;
}

/* ---- its files ---- */

/* Looked at before it is opened for reading: opening a device does things. */
int blobs_open_file_at(int directory, const char *name)
{
    cleanup_close int found = file_open_in_root(directory, name, O_PATH | O_CLOEXEC, 0);
    char again[64];
    struct stat st;
    int fd;

    if (found < 0)
        return found;
    if (fstat(found, &st) < 0 || !S_ISREG(st.st_mode))
        return -ENOENT;
    (void)snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
    fd = open(again, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int blobs_open_file(void *directory, const char *name)
{
    return blobs_open_file_at(*(const int *)directory, name);
}

static int find_in_archive(const struct blobs *b, off_t offset, uint64_t size, struct blob *ret)
{
    struct stat st;

    if (fstat(b->fd, &st) < 0)
        return -errno;
    if (offset < 0 || offset > st.st_size || size > (uint64_t)(st.st_size - offset))
        return -ENOENT;
    *ret = (struct blob){.fd = b->fd, .offset = offset, .size = size};
    return 0;
}

int blobs_find(const struct blobs *b, const char *name, off_t offset, uint64_t size,
               struct blob *ret)
{
    cleanup_close int fd = -EBADF;
    struct stat st;

    if (b->archive)
        return find_in_archive(b, offset, size, ret);
    fd = blobs_open_file_at(b->fd, name);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    *ret = (struct blob){.fd = steal_fd(&fd), .size = (uint64_t)st.st_size, .owned = true};
    return 0;
}
