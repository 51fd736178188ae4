/* SPDX-License-Identifier: Apache-2.0 */
/* contents: see contents.h. Whoever reads a blob compares its digest, so an offset that was wrong
 * could not go unnoticed. */
#include "rootfs-cache/confined/contents.h"

#include "rootfs-cache/confined/filetype.h"
#include "rootfs-cache/confined/gunzip.h"
#include "rootfs-cache/confined/unpacker.h"

#include <string.h>
#include <sys/stat.h>

#define BLOBS_MAX 10000 /* an image has a few dozen */
#define BLOCK ((size_t)256 * 1024)
#define LINKS_MAX 8
#define DECOMPRESSED_MAX (UINT64_C(64) << 30)

struct indexed {
    char *name;
    /* of a symbolic or hard link: what it leads to, from the archive's root; else NULL */
    char *link;
    off_t offset;
    uint64_t size;
};

struct contents {
    const char *path;
    struct child_self *asked; /* for the files of a directory, or NULL */
    int fd;
    struct indexed *entries;
    size_t n;
};

void contents_free(struct contents *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->entries[i].name);
        free(c->entries[i].link);
    }
    free(c->entries);
    free(c);
}

static void contents_freep(struct contents **c)
{
    contents_free(*c);
}

struct contents *contents_of_directory(struct child_self *self)
{
    struct contents *c = xcalloc(1, sizeof(*c));

    c->asked = self;
    c->fd = -EBADF;
    return c;
}

/* ---- the index of a tar ---- */

static int contents_damaged(const char *path, const char *why, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot read the image '%s': %s", path,
                          why != NULL ? why : "it is damaged");
    cupel_error_hint(
        err,
        "an image is an OCI layout (a directory or a tar of one) or what `docker save` writes");
    return -EBADMSG;
}

/* "./a//b/../c" -> "a/c", from the directory of `from` (may be NULL) unless it starts with a slash;
 * NULL when it leads out. */
static char *contents_resolve(const char *from, const char *name)
{
    cleanup_strbuf struct strbuf whole = {0}, out = {0};
    const char *slash = from != NULL ? strrchr(from, '/') : NULL, *p;

    if (slash != NULL && name[0] != '/')
        strbuf_add(&whole, from, (size_t)(slash - from) + 1);
    strbuf_adds(&whole, name);
    strbuf_adds(&out, "");
    for (p = whole.data; *p != '\0';) {
        size_t n = strcspn(p, "/");

        if (n == 2 && p[0] == '.' && p[1] == '.') {
            char *last;

            if (out.len == 0)
                return NULL;
            last = strrchr(out.data, '/');
            out.len = last != NULL ? (size_t)(last - out.data) : 0;
            out.data[out.len] = '\0';
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            if (out.len > 0)
                strbuf_adds(&out, "/");
            strbuf_add(&out, p, n);
        }
        p += n;
        p += *p == '/';
    }
    return xstrdup(out.data);
}

static int index_entry(struct contents *c, struct archive *a, struct archive_entry *entry,
                       uint64_t total, struct cupel_error *err)
{
    const char *raw = archive_entry_pathname(entry), *to = archive_entry_hardlink(entry);
    mode_t type = archive_entry_filetype(entry);
    struct indexed e = {.offset = (off_t)archive_filter_bytes(a, 0)};

    if (raw == NULL)
        return contents_damaged(c->path, "an entry has no name", err);
    if (to == NULL && type == AE_IFLNK)
        to = archive_entry_symlink(entry);
    if (to == NULL && type != AE_IFREG)
        return 0;
    if (c->n == BLOBS_MAX)
        return contents_damaged(c->path, "it holds more files than any image", err);
    e.name = contents_resolve(NULL, raw);
    if (e.name == NULL)
        return contents_damaged(c->path, "an entry's name leads out of it", err);
    if (to != NULL) {
        e.link = contents_resolve(type == AE_IFLNK ? e.name : NULL, to);
        if (e.link == NULL)
            e.link = xstrdup(""); /* leads nowhere */
    } else {
        int64_t size = archive_entry_size(entry);

        if (size < 0 || (uint64_t)e.offset + (uint64_t)size > total) {
            free(e.name);
            return contents_damaged(c->path, "it is cut short", err);
        }
        e.size = (uint64_t)size;
    }
    c->entries = xrealloc(c->entries, (c->n + 1) * sizeof(*c->entries));
    c->entries[c->n++] = e;
    return 0;
}

static int index_tar(struct contents *c, struct cupel_error *err)
{
    _cleanup_(unpacker_free_reader) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    struct stat st;
    int r;

    if (a == NULL || fstat(c->fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot read the image '%s'",
                               c->path);
    (void)archive_read_support_format_tar(a);
    if (lseek(c->fd, 0, SEEK_SET) < 0 || archive_read_open_fd(a, c->fd, BLOCK) < ARCHIVE_OK)
        return contents_damaged(c->path, archive_error_string(a), err);
    while ((r = archive_read_next_header(a, &entry)) >= ARCHIVE_WARN && r != ARCHIVE_EOF) {
        r = index_entry(c, a, entry, (uint64_t)st.st_size, err);
        if (r < 0)
            return r;
    }
    return r == ARCHIVE_EOF ? 0 : contents_damaged(c->path, archive_error_string(a), err);
}

int contents_of_archive(int fd, const char *path, struct contents **ret, struct cupel_error *err)
{
    _cleanup_(contents_freep) struct contents *c = xcalloc(1, sizeof(*c));
    int r;

    c->path = path;
    c->fd = fd;
    r = index_tar(c, err);
    if (r == 0)
        *ret = steal_ptr(c);
    return r;
}

/* ---- looking up ---- */

static const struct indexed *lookup(const struct contents *c, const char *name)
{
    for (size_t i = c->n;
         i-- > 0;) /* the last entry of a name is the one that unpacking would leave */
        if (str_eq(c->entries[i].name, name))
            return &c->entries[i];
    return NULL;
}

int contents_find(const struct contents *c, const char *name, off_t *ret_offset, uint64_t *ret_size)
{
    cleanup_free char *clean = contents_resolve(NULL, name);
    const struct indexed *e = clean != NULL ? lookup(c, clean) : NULL;

    for (int i = 0; i < LINKS_MAX && e != NULL && e->link != NULL; i++)
        e = lookup(c, e->link);
    if (e == NULL || e->link != NULL)
        return -ENOENT;
    *ret_offset = e->offset;
    *ret_size = e->size;
    return 0;
}

/* *ret_fd is to be closed when `asked`. */
static int open_file(const struct contents *c, const char *name, int *ret_fd, off_t *ret_offset,
                     uint64_t *ret_size)
{
    struct stat st;
    int fd;

    if (c->asked == NULL) {
        *ret_fd = c->fd;
        return contents_find(c, name, ret_offset, ret_size);
    }
    fd = child_ask(c->asked, name);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0) {
        base_closep(&fd);
        return -EIO;
    }
    *ret_fd = fd;
    *ret_offset = 0;
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

bool contents_have(const struct contents *c, const char *name)
{
    uint64_t size;
    off_t offset;
    int fd;

    if (open_file(c, name, &fd, &offset, &size) < 0)
        return false;
    if (c->asked != NULL)
        base_closep(&fd);
    return true;
}

static int contents_read_range(int fd, off_t offset, size_t size, char **ret_text)
{
    cleanup_free char *text = xmalloc(size + 1);
    size_t got = 0;

    while (got < size) {
        ssize_t n = pread(fd, text + got, size - got, offset + (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG;
        got += (size_t)n;
    }
    text[got] = '\0';
    *ret_text = steal_ptr(text);
    return 0;
}

int contents_read(const struct contents *c, const char *name, size_t max, char **ret_text,
                  size_t *ret_len)
{
    uint64_t size;
    off_t offset;
    int fd, r = open_file(c, name, &fd, &offset, &size);

    if (r < 0)
        return r;
    r = size > max ? -EFBIG : contents_read_range(fd, offset, (size_t)size, ret_text);
    if (r == 0)
        *ret_len = (size_t)size;
    if (c->asked != NULL)
        base_closep(&fd);
    return r;
}

/* ---- a compressed tar ---- */

bool contents_is_tar(int fd)
{
    unsigned char header[512];
    unsigned sum = 8 * ' ';
    char said[8] = "";

    if (pread(fd, header, sizeof(header), 0) != sizeof(header))
        return false;
    if (memcmp(header + 257, "ustar", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof(header); i++)
        sum += i < 148 || i >= 156 ? header[i] : 0;
    memcpy(said, header + 148, sizeof(said) - 1);
    return sum > 8 * ' ' && strtoul(said, NULL, 8) == sum;
}

/* The error of a file that is neither tar nor compressed, or holds something else. */
static int is_no_image(const char *path, int fd, const char *it, struct cupel_error *err)
{
    const struct filetype *type = filetype_of_fd(fd);

    if (type == NULL)
        return contents_damaged(path,
                                it[0] == 'i' ? "it is neither a tar nor a compressed one"
                                             : "there is no tar in it",
                                err);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot read the image '%s': %s is %s", path,
                          it, type->what);
    cupel_error_hint(err, "%s", type->hint);
    return -EBADMSG;
}

/* All of what is between the compressed stream's ends, to where `out` is. */
static int copy_out(struct archive *a, int out, const char *path, struct cupel_error *err)
{
    const void *block;
    int64_t offset;
    size_t size;
    int r;

    while ((r = archive_read_data_block(a, &block, &size, &offset)) == ARCHIVE_OK) {
        if ((uint64_t)offset + size > DECOMPRESSED_MAX)
            return contents_damaged(path, "it holds more than 64 GiB", err);
        r = file_write_all(out, block, size);
        if (r < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot decompress the image '%s'",
                                   path);
    }
    return r == ARCHIVE_EOF ? 0 : contents_damaged(path, archive_error_string(a), err);
}

struct contents_reading {
    int fd;
    char *block;
};

static void free_reading(struct contents_reading *r)
{
    free(r->block);
}

static la_ssize_t read_block(struct archive *a, void *data, const void **ret_block)
{
    struct contents_reading *reading = data;
    ssize_t n;

    *ret_block = reading->block;
    do
        n = read(reading->fd, reading->block, BLOCK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        archive_set_error(a, errno, "cannot read it");
    return n;
}

int contents_decompress(int fd, int out, const char *path, struct cupel_error *err)
{
    _cleanup_(free_reading) struct contents_reading reading = {.fd = fd, .block = xmalloc(BLOCK)};
    _cleanup_(gunzip_close) struct gunzip gunzip = {0};
    _cleanup_(unpacker_free_reader) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    int r;

    if (a == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot decompress the image '%s'",
                               path);
    gunzip_begin(&gunzip, read_block, &reading);
    unpacker_support_filters(a);
    (void)archive_read_support_format_raw(a);
    (void)archive_read_support_format_empty(a);
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        archive_read_open(a, &gunzip, NULL, gunzip_read, NULL) < ARCHIVE_OK ||
        archive_read_next_header(a, &entry) < ARCHIVE_WARN)
        return contents_damaged(path, archive_error_string(a), err);
    if (!gunzip_found(&gunzip) && archive_filter_code(a, 0) == ARCHIVE_FILTER_NONE)
        return is_no_image(path, fd, "it", err);
    r = copy_out(a, out, path, err);
    if (r < 0)
        return r;
    if (!contents_is_tar(out))
        return is_no_image(path, out, "what is compressed in it", err);
    return 0;
}
