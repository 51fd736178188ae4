/* SPDX-License-Identifier: Apache-2.0 */
/* member_reader: see member_reader.h. Behind the wall of rootfs-cache/confined/child.h. Zip is read
 * by its central directory, which alone says what is a link; tar as a stream. Other formats are not
 * taken: each is one more parser for hostile bytes. */
#include "ingest/member_reader.h"

#include "ingest/member_names.h"
#include "ingest/members.h"
#include "rootfs-cache/confined/child.h"
#include "rootfs-cache/confined/gunzip.h"
#include "rootfs-cache/confined/libarchive.h"

#include "base/weaken.h"

#include <string.h>
#include <sys/stat.h>

#define READ_BLOCK ((size_t)64 * 1024)
/* Only what was made for it compresses to less: deflate cannot go below a thousandth. What has been
 * read ahead is in the reader's favour. */
#define BOMB_RATIO 400u
#define BOMB_AHEAD ((int64_t)READ_BLOCK)
#define BOMB_HINT "the bound is far above what a class hands in; --unpack-max says another"

struct member_reader {
    const struct member_reading *what;
    struct archive *in;
    int fd, contents, records;
    char *block;
    struct gunzip gunzip;
    bool zip, gzip;
    int64_t raw;           /* bytes of the file that were read for gunzip */
    struct strbuf pending; /* records that are not written yet */
    size_t n;              /* members so far */
    uint64_t written;
    uint64_t *used; /* bytes of each submission */
    struct cupel_error *err;
};

static int cannot_read(struct member_reader *r, const char *why)
{
    cleanup_strbuf struct strbuf shown = {0};

    text_add_line(&shown, why != NULL ? why : "it is damaged");
    return cupel_error_set(r->err, CUPEL_ERROR_INPUT, 0, "cannot unpack '%s': %s", r->what->name,
                           shown.data);
}

static int too_much(struct member_reader *r, const char *what)
{
    (void)cannot_read(r, what);
    cupel_error_hint(r->err, BOMB_HINT);
    return -EFBIG;
}

/* ---- opening ---- */

static la_ssize_t read_file(struct archive *a, void *data, const void **ret_block)
{
    struct member_reader *r = data;
    ssize_t n;

    *ret_block = r->block;
    do
        n = read(r->fd, r->block, READ_BLOCK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        archive_set_error(a, errno, "it cannot be read");
    r->raw += n > 0 ? n : 0;
    return n;
}

/* What libarchive does by itself: its "all" call would run programs for the rest. */
static void support_filters(struct archive *a)
{
    int (*const filters[])(struct archive *) = {
        archive_read_support_filter_bzip2, archive_read_support_filter_xz,
        archive_read_support_filter_lzma,  archive_read_support_filter_zstd,
        archive_read_support_filter_lz4,
    };

    for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
        (void)filters[i](a); /* one that is not built in: such an archive is not recognised */
}

static int open_archive(struct member_reader *r)
{
    unsigned char magic[2] = {0, 0};
    int e;

    r->gzip = pread(r->fd, magic, sizeof(magic), 0) == sizeof(magic) && magic[0] == 0x1f &&
              magic[1] == 0x8b;
    if (lseek(r->fd, 0, SEEK_SET) < 0)
        return cannot_read(r, strerror(errno));
    (void)archive_read_support_format_tar(r->in);
    if (r->gzip) { /* its checksum is looked at there */
        gunzip_begin(&r->gunzip, read_file, r);
        e = archive_read_open(r->in, &r->gunzip, NULL, gunzip_read, NULL);
    } else {
        (void)archive_read_support_format_zip_seekable(r->in);
        support_filters(r->in);
        e = archive_read_open_fd(r->in, r->fd, READ_BLOCK);
    }
    return e < ARCHIVE_OK ? cannot_read(r, archive_error_string(r->in)) : 0;
}

/* ---- records ---- */

static int flush_records(struct member_reader *r)
{
    int e = r->pending.len > 0 ? file_write_all(r->records, r->pending.data, r->pending.len) : 0;

    strbuf_free(&r->pending);
    return e < 0 ? cupel_error_set(r->err, CUPEL_ERROR_HARNESS, e, "cannot write what is in '%s'",
                                   r->what->name)
                 : 0;
}

static enum member_type type_of(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry) != NULL)
        return MEMBER_HARDLINK;
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return MEMBER_FILE;
    case AE_IFDIR:
        return MEMBER_DIRECTORY;
    case AE_IFLNK:
        return MEMBER_SYMLINK;
    case AE_IFIFO:
        return MEMBER_FIFO;
    case AE_IFCHR:
    case AE_IFBLK:
        return MEMBER_DEVICE;
    default:
        return MEMBER_OTHER;
    }
}

/* ---- contents ---- */

/* How much of the file was read so far. */
static int64_t consumed(struct member_reader *r)
{
    return r->gzip ? r->raw : archive_filter_bytes(r->in, -1);
}

static bool is_bomb(uint64_t size, int64_t compressed)
{
    return size / BOMB_RATIO > (uint64_t)((compressed < 0 ? 0 : compressed) + BOMB_AHEAD);
}

/* What is wrong with an entry's data: the archive's, where it is to be whole. */
static int damaged(struct member_reader *r, struct member *m)
{
    if (r->what->strict)
        return cannot_read(r, archive_error_string(r->in));
    m->loss = MEMBER_DAMAGED;
    return 0;
}

static int count_written(struct member_reader *r, size_t n)
{
    char size[UNIT_TEXT_SIZE], why[96];

    r->written += n;
    if (r->written <= r->what->bytes_all)
        return 0;
    (void)snprintf(why, sizeof(why), "it holds more than %s",
                   unit_format_size(r->what->bytes_all, size));
    return too_much(r, why);
}

/* Writes a block that is in the submission's share. */
static int write_content(struct member_reader *r, struct member *m, uint64_t *used, size_t n)
{
    int e = count_written(r, n);

    if (e < 0)
        return e;
    e = file_write_all(r->contents, r->block + READ_BLOCK, n);
    if (e < 0)
        return cupel_error_set(r->err, CUPEL_ERROR_HARNESS, e, "cannot unpack '%s'", r->what->name);
    m->size += n;
    *used += n;
    return 0;
}

/* Whether a file may have so many bytes more. */
static bool has_left(const struct member_reader *r, uint64_t used, uint64_t n)
{
    return (used <= r->what->bytes_each && n <= r->what->bytes_each - used) ||
           weakened("archive-shares");
}

/* Writes the hole that a sparse file ends with, of which libarchive gives nothing. */
static int write_last_hole(struct member_reader *r, struct member *m, uint64_t *used, uint64_t size)
{
    int e = 0;

    if (m->size < size && !has_left(r, *used, size - m->size)) {
        m->loss = MEMBER_LARGE;
        return 0;
    }
    memset(r->block + READ_BLOCK, 0, READ_BLOCK);
    while (e == 0 && m->size < size)
        e = write_content(r, m, used, size - m->size < READ_BLOCK ? size - m->size : READ_BLOCK);
    return e;
}

/* Copies what a file holds, up to what its submission may still have. */
static int copy_content(struct member_reader *r, struct archive_entry *entry, struct member *m,
                        uint64_t *used)
{
    int64_t before = consumed(r), said = archive_entry_size(entry);
    la_ssize_t n;

    m->offset = r->written;
    m->size = 0;
    while ((n = archive_read_data(r->in, r->block + READ_BLOCK, READ_BLOCK)) != 0) {
        int e;

        if (n == ARCHIVE_RETRY)
            continue;
        if (n < 0)
            return damaged(r, m);
        if (!has_left(r, *used, (uint64_t)n)) {
            m->loss = MEMBER_LARGE;
            return 0;
        }
        e = write_content(r, m, used, (size_t)n);
        if (e < 0)
            return e;
        if (is_bomb(m->size, consumed(r) - before)) {
            m->loss = MEMBER_BOMB;
            return 0;
        }
    }
    return r->zip || said < 0 ? 0 : write_last_hole(r, m, used, (uint64_t)said);
}

/* Takes what a regular file holds, if somebody wants it. */
static int take_content(struct member_reader *r, struct archive_entry *entry, struct member *m)
{
    uint32_t of = r->what->of == NULL    ? 0
                  : r->n < r->what->n_of ? r->what->of[r->n]
                                         : MEMBER_OF_NONE;

    m->offset = r->written;
    if (r->what->list_only)
        return 0;
    m->size = 0;
    if (of == MEMBER_OF_NONE || of >= r->what->n_submissions || m->loss != MEMBER_WHOLE)
        return 0;
    /* what reads as a terabyte of zeros takes no room in an archive */
    if (!weakened("archive-shares") && archive_entry_size_is_set(entry) &&
        archive_entry_size(entry) > 0 &&
        (uint64_t)archive_entry_size(entry) + r->used[of] > r->what->bytes_each) {
        m->loss = MEMBER_LARGE;
        return 0;
    }
    return copy_content(r, entry, m, &r->used[of]);
}

static int take_entry(struct member_reader *r, struct archive_entry *entry)
{
    cleanup_strbuf struct strbuf name = {0}, link = {0};
    const char *raw = archive_entry_pathname(entry), *to = archive_entry_hardlink(entry);
    int64_t size = archive_entry_size(entry);
    struct member m = {.type = type_of(entry),
                       .executable = (archive_entry_perm(entry) & 0111) != 0,
                       .size = size > 0 ? (uint64_t)size : 0};
    int e = 0;

    if (r->n >= r->what->members_max)
        return too_much(r, "it holds too many files");
    if (to == NULL && m.type == MEMBER_SYMLINK)
        to = archive_entry_symlink(entry);
    /* a name that nobody can read is one of control characters */
    member_names_decode(raw != NULL ? raw : "\x01", r->zip, &name);
    member_names_decode(to != NULL ? to : "", r->zip, &link);
    m.name = name.data;
    m.link = link.data;
    if (m.type == MEMBER_FILE && archive_entry_is_encrypted(entry) != 0)
        m.loss = MEMBER_ENCRYPTED;
    if (m.type == MEMBER_FILE)
        e = take_content(r, entry, &m);
    if (m.type != MEMBER_FILE || m.loss != MEMBER_WHOLE)
        m.size = 0;
    if (e < 0)
        return e;
    members_put(&r->pending, &m);
    r->n++;
    return r->pending.len > READ_BLOCK ? flush_records(r) : 0;
}

/* A tar ends with blocks of zeros. Without them it was cut, perhaps just between two entries, which
 * libarchive takes for its end. */
static bool is_cut(struct member_reader *r, int64_t after_last)
{
    return !r->zip && archive_filter_bytes(r->in, 0) - ((after_last + 511) & ~(int64_t)511) < 512;
}

static int read_members(struct member_reader *r)
{
    struct archive_entry *entry;
    int64_t position = 0;
    int e;

    while ((e = archive_read_next_header(r->in, &entry)) != ARCHIVE_EOF) {
        if (e == ARCHIVE_RETRY)
            continue;
        if (e < ARCHIVE_WARN)
            return cannot_read(r, archive_error_string(r->in));
        r->zip = (archive_format(r->in) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP;
        e = take_entry(r, entry);
        if (e < 0)
            return e;
        /* what was not taken of an encrypted one, or of a damaged one, is stepped over by the next
         * header's place */
        if (!r->zip && archive_read_data_skip(r->in) < ARCHIVE_WARN)
            return cannot_read(r, archive_error_string(r->in));
        position = archive_filter_bytes(r->in, 0);
    }
    if (r->n == 0)
        return cannot_read(r, "there is nothing in it");
    return is_cut(r, position) ? cannot_read(r, "it is cut short: its end marker is missing")
                               : flush_records(r);
}

int member_reader_read(const struct member_reading *what, int archive, int contents, int records,
                       struct cupel_error *err)
{
    struct member_reader r = {.what = what,
                              .in = archive_read_new(),
                              .fd = archive,
                              .contents = contents,
                              .records = records,
                              .block = xmalloc(2 * READ_BLOCK),
                              .used = xcalloc(what->n_submissions + 1, sizeof(uint64_t)),
                              .err = err};
    int e = r.in == NULL ? cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot unpack '%s'",
                                           what->name)
                         : open_archive(&r);

    if (e == 0)
        e = read_members(&r);
    if (r.in != NULL)
        (void)archive_read_free(r.in);
    gunzip_close(&r.gunzip);
    strbuf_free(&r.pending);
    free(r.used);
    free(r.block);
    return e;
}

/* ---- the child ---- */

struct member_work {
    const struct member_reading *what;
    int files[2]; /* contents and records, with the numbers that they have in the child */
};

/* A child_reader_fn, which answers nothing. */
static int read_in_child(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                         struct cupel_error *err)
{
    const struct member_work *work = arg;

    (void)self;
    (void)reply;
    return member_reader_read(work->what, fd, work->files[0], work->files[1], err);
}

int member_reader_run(const struct member_reading *what, int archive, int nowhere, int contents,
                      int records, unsigned seconds, struct cupel_error *err)
{
    struct member_work work = {what, {contents, records}};
    cleanup_free char *doing = xasprintf("unpack '%s'", what->name), *reply = NULL;
    const struct child_work in_child = {.reader = read_in_child,
                                        .arg = &work,
                                        .what = doing,
                                        .tree = nowhere,
                                        .fd = archive,
                                        .keep = -EBADF,
                                        .more = work.files,
                                        .n_more = ARRAY_SIZE(work.files),
                                        .seconds = seconds,
                                        .file_max = what->bytes_all + ((uint64_t)64 << 20)};
    size_t length;

    return child_read(&in_child, &reply, &length, err);
}
