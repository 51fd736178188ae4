/* blobs: see blobs.h. A plain tar is not unpacked: an index of names and offsets is made in one pass over its headers, and
 * whoever reads a blob compares its digest, so an offset that was wrong could not go unnoticed. */
#include "rootfs-cache/blobs.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define BLOBS_MAX 10000 /* an image has a few dozen */
#define BLOCK ((size_t)256 * 1024)
#define LINKS_MAX 8

struct indexed {
    char *name;
    char *link; /* of a symbolic or hard link: what it leads to, from the archive's root; else NULL */
    off_t offset;
    uint64_t size;
};

struct blobs {
    char *path;
    int fd; /* the directory, or the plain tar */
    bool archive;
    struct indexed *entries;
    size_t n;
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
    for (size_t i = 0; i < b->n; i++) {
        free(b->entries[i].name);
        free(b->entries[i].link);
    }
    free(b->entries);
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

/* ---- the index of a tar ---- */

static void free_reader(struct archive **a)
{
    if (*a != NULL)
        (void)archive_read_free(*a);
}

static int damaged(const struct blobs *b, const char *why, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot read the image '%s': %s", b->path,
                          why != NULL ? why : "it is damaged");
    cupel_error_hint(err, "an image is an OCI layout (a directory or a tar of one) or what `docker save` writes");
    return -EBADMSG;
}

/* "./a//b/../c" -> "a/c", from the directory of `from` (may be NULL) unless it starts with a slash; NULL when it leads out. */
static char *resolve(const char *from, const char *name)
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

static int index_entry(struct blobs *b, struct archive *a, struct archive_entry *entry, uint64_t total,
                       struct cupel_error *err)
{
    const char *raw = archive_entry_pathname(entry), *to = archive_entry_hardlink(entry);
    mode_t type = archive_entry_filetype(entry);
    struct indexed e = {.offset = (off_t)archive_filter_bytes(a, 0)};

    if (raw == NULL)
        return damaged(b, "an entry has no name", err);
    if (to == NULL && type == AE_IFLNK)
        to = archive_entry_symlink(entry);
    if (to == NULL && type != AE_IFREG)
        return 0;
    if (b->n == BLOBS_MAX)
        return damaged(b, "it holds more files than any image", err);
    e.name = resolve(NULL, raw);
    if (e.name == NULL)
        return damaged(b, "an entry's name leads out of it", err);
    if (to != NULL) {
        e.link = resolve(type == AE_IFLNK ? e.name : NULL, to);
        if (e.link == NULL)
            e.link = xstrdup(""); /* leads nowhere */
    } else {
        int64_t size = archive_entry_size(entry);

        if (size < 0 || (uint64_t)e.offset + (uint64_t)size > total) {
            free(e.name);
            return damaged(b, "it is cut short", err);
        }
        e.size = (uint64_t)size;
    }
    b->entries = xrealloc(b->entries, (b->n + 1) * sizeof(*b->entries));
    b->entries[b->n++] = e;
    return 0;
}

static int index_tar(struct blobs *b, struct cupel_error *err)
{
    _cleanup_(free_reader) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    struct stat st;
    int r;

    if (a == NULL || fstat(b->fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot read the image '%s'", b->path);
    (void)archive_read_support_format_tar(a);
    if (lseek(b->fd, 0, SEEK_SET) < 0 || archive_read_open_fd(a, b->fd, BLOCK) < ARCHIVE_OK)
        return damaged(b, archive_error_string(a), err);
    while ((r = archive_read_next_header(a, &entry)) >= ARCHIVE_WARN && r != ARCHIVE_EOF) {
        r = index_entry(b, a, entry, (uint64_t)st.st_size, err);
        if (r < 0)
            return r;
    }
    return r == ARCHIVE_EOF ? 0 : damaged(b, archive_error_string(a), err);
}

/* ---- opening ---- */

/* Whether the file begins as compressed ones do, and not as a tar. */
static bool is_plain_tar(int fd)
{
    char magic[6] = "";

    return pread(fd, magic, 5, 257) == 5 && memcmp(magic, "ustar", 5) == 0;
}

/* A compressed image is rare: what `docker save | gzip` makes. All of it goes into an unlinked file of the store. */
static int decompress(struct cache *cache, struct blobs *b, struct cupel_error *err)
{
    static int (*const filters[])(struct archive *) = {
        archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
        archive_read_support_filter_zstd, archive_read_support_filter_lz4};
    _cleanup_(free_reader) struct archive *a = archive_read_new();
    cleanup_close int out = openat(cache->dir, "tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    struct archive_entry *entry;
    const void *block;
    size_t size;
    int64_t offset, r;

    if (a == NULL || out < 0)
        return store_error(cache, err, errno, "make a file");
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
        (void)filters[i](a);
    (void)archive_read_support_format_raw(a);
    if (lseek(b->fd, 0, SEEK_SET) < 0 || archive_read_open_fd(a, b->fd, BLOCK) < ARCHIVE_OK ||
        archive_read_next_header(a, &entry) < ARCHIVE_WARN)
        return damaged(b, archive_error_string(a), err);
    if (archive_filter_code(a, 0) == ARCHIVE_FILTER_NONE)
        return damaged(b, "it is neither a tar nor a compressed one", err);
    while ((r = archive_read_data_block(a, &block, &size, &offset)) == ARCHIVE_OK) {
        if ((uint64_t)offset + size > UINT64_C(64) << 30)
            return damaged(b, "it holds more than 64 GiB", err);
        r = file_write_all(out, block, size);
        if (r < 0)
            return store_error(cache, err, (int)r, "decompress an image");
    }
    if (r != ARCHIVE_EOF)
        return damaged(b, archive_error_string(a), err);
    base_closep(&b->fd);
    b->fd = steal_fd(&out);
    return is_plain_tar(b->fd) ? 0 : damaged(b, "there is no tar in it", err);
}

int blobs_open(struct cache *cache, const char *path, const char *root, struct blobs **ret, struct cupel_error *err)
{
    _cleanup_(blobs_closep) struct blobs *b = xcalloc(1, sizeof(*b));
    struct stat st;
    int r;

    b->path = xstrdup(path);
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not hang */
    if (b->fd < 0 || fstat(b->fd, &st) < 0) {
        r = cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s' for root '%s'", path, root);
        cupel_error_hint(err, "an image's path is relative to the job file");
        return r;
    }
    b->archive = !S_ISDIR(st.st_mode);
    if (b->archive) {
        if (!S_ISREG(st.st_mode))
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                   "cannot use '%s' for root '%s': neither file nor directory", path, root);
        r = is_plain_tar(b->fd) ? 0 : decompress(cache, b, err);
        if (r == 0)
            r = index_tar(b, err);
        if (r < 0)
            return r;
    }
    *ret = steal_ptr(b);
    return 0;
}

/* ---- looking up ---- */

static const struct indexed *lookup(const struct blobs *b, const char *name)
{
    for (size_t i = b->n; i-- > 0;) /* the last entry of a name is the one that unpacking would leave */
        if (str_eq(b->entries[i].name, name))
            return &b->entries[i];
    return NULL;
}

static int find_in_directory(const struct blobs *b, const char *name, struct blob *ret)
{
    cleanup_close int fd = file_open_in_root(b->fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -ENOENT;
    *ret = (struct blob){.fd = steal_fd(&fd), .size = (uint64_t)st.st_size, .owned = true};
    return 0;
}

int blobs_find(const struct blobs *b, const char *name, struct blob *ret)
{
    cleanup_free char *clean = resolve(NULL, name);
    const struct indexed *e;

    if (clean == NULL)
        return -ENOENT;
    if (!b->archive)
        return find_in_directory(b, clean, ret);
    e = lookup(b, clean);
    for (int i = 0; i < LINKS_MAX && e != NULL && e->link != NULL; i++)
        e = lookup(b, e->link);
    if (e == NULL || e->link != NULL)
        return -ENOENT;
    *ret = (struct blob){.fd = b->fd, .offset = e->offset, .size = e->size};
    return 0;
}

int blobs_read(const struct blobs *b, const char *name, size_t max, char **ret_text, size_t *ret_len)
{
    _cleanup_(blob_close) struct blob blob = BLOB_INIT;
    cleanup_free char *text = NULL;
    size_t got = 0;
    int r = blobs_find(b, name, &blob);

    if (r < 0)
        return r;
    if (blob.size > max)
        return -EFBIG;
    text = xmalloc(blob.size + 1);
    while (got < blob.size) {
        ssize_t n = pread(blob.fd, text + got, blob.size - got, blob.offset + (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG;
        got += (size_t)n;
    }
    text[got] = '\0';
    *ret_text = steal_ptr(text);
    *ret_len = got;
    return 0;
}
