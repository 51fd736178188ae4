/* SPDX-License-Identifier: Apache-2.0 */
/* unpacker: see unpacker.h: why an unpacking cannot go on, what an entry's name is, and the way of
 * a file's content. Not responsible for what is done with any entry (unpack.c, oci_layer.c). */
#include "rootfs-cache/confined/unpacker.h"

#include "rootfs-cache/confined/stream.h"

#include <string.h>

/* ---- why it cannot go on ---- */

/* An entry's name as it may be shown: control bytes as '?', bounded. */
static const char *shown_name(const char *name, char buf[static 256])
{
    size_t i = 0;

    for (; name[i] != '\0' && i < 255; i++)
        buf[i] = (unsigned char)name[i] < 0x20 || name[i] == 0x7f ? '?' : name[i];
    buf[i] = '\0';
    return buf;
}

int unpacker_refuse(struct unpacker *u, const char *entry, const char *why)
{
    char buf[256];

    (void)cupel_error_set(u->err, CUPEL_ERROR_INPUT, 0, "refused to unpack '%s': entry '%s' %s",
                          u->name, shown_name(entry, buf), why);
    return -EPERM;
}

int unpacker_bomb(struct unpacker *u, const char *what)
{
    (void)cupel_error_set(u->err, CUPEL_ERROR_INPUT, 0,
                          "refused to unpack '%s': it holds more than %s", u->name, what);
    cupel_error_hint(u->err, "this bound is far above any usual root (a file counts as what it "
                             "reads as, holes included); "
                             "the archive is damaged or made to fill the disk");
    return -EFBIG;
}

int unpacker_corrupt(struct unpacker *u, const char *why)
{
    (void)cupel_error_set(u->err, CUPEL_ERROR_INPUT, 0, "cannot unpack '%s': %s", u->name,
                          why != NULL ? why : "the archive is damaged");
    if (why != NULL &&
        (strstr(why, "too much memory") != NULL || strstr(why, "memory limit") != NULL))
        cupel_error_hint(
            u->err,
            "it was compressed with a larger window or dictionary than is taken: decompress it "
            "(zstd -d --long=31, xz -d), and take what comes of it");
    else
        cupel_error_hint(u->err,
                         "the file is damaged, cut short, or no tar; fetch or make it again");
    return -EBADMSG;
}

/* What a call that writes a tree fails with because of what the archive asks for; all else is the
 * host's. libarchive's own reasons (ARCHIVE_ERRNO_MISC, which is negative) are about the entry as
 * well. */
static bool is_of_archive(int errnum)
{
    static const int ours[] = {EINVAL, ENAMETOOLONG, ELOOP, ENOTDIR,   EISDIR, EEXIST, ENOTEMPTY,
                               E2BIG,  ERANGE,       EFBIG, EOVERFLOW, EMLINK, EILSEQ, ENOENT};

    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        if (errnum == ours[i])
            return true;
    return errnum < 0;
}

/* libarchive's "Can't create 'NAME'" names what is named already and leaves out the reason. */
static const char *reason(int errnum, const char *why)
{
    if (errnum == EMLINK)
        return "it is one hard link more than the store's file system takes for a file (65,000 on "
               "ext4)";
    return why == NULL || str_starts(why, "Can't create") ? strerror(errnum) : why;
}

int unpacker_write_failed(struct unpacker *u, const char *entry, int errnum, const char *why)
{
    enum cupel_error_kind kind = is_of_archive(errnum) ? CUPEL_ERROR_INPUT : CUPEL_ERROR_HARNESS;
    char buf[256];

    errnum = errnum > 0 ? errnum : EIO;
    if (errnum == ENOSPC || errnum == EDQUOT) {
        (void)cupel_error_set(u->err, CUPEL_ERROR_HARNESS, errnum,
                              "cannot unpack '%s': the root cache's disk is full", u->name);
        cupel_error_hint(u->err, "free space, remove layers with `cupel rootfs remove`, or set "
                                 "CUPEL_CACHE to a directory "
                                 "on a bigger disk");
        return -errnum;
    }
    (void)cupel_error_set(u->err, kind, 0, "cannot unpack entry '%s' of '%s': %s",
                          shown_name(entry, buf), u->name, reason(errnum, why));
    if (errnum == EMLINK)
        cupel_error_hint(
            u->err,
            "make the archive again with `tar --hard-dereference`, which stores each as a file");
    return -errnum;
}

/* ---- reading an archive ---- */

/* Only what libarchive does by itself: the "all" call would run external programs for the rest. */
void unpacker_support_filters(struct archive *a)
{
    int (*const filters[])(struct archive *) = {
        archive_read_support_filter_gzip,     archive_read_support_filter_bzip2,
        archive_read_support_filter_xz,       archive_read_support_filter_lzma,
        archive_read_support_filter_zstd,     archive_read_support_filter_lz4,
        archive_read_support_filter_compress,
    };

    for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
        (void)filters[i](a); /* one that is not built in: such an archive is then not recognised */
}

void unpacker_free_reader(struct archive **a)
{
    if (*a != NULL)
        (void)archive_read_free(*a);
}

const char *unpacker_normalize(const char *name, struct strbuf *ret)
{
    strbuf_add(ret, "", 0);
    while (*name != '\0') {
        size_t n = strcspn(name, "/");

        if (n == 2 && name[0] == '.' && name[1] == '.')
            return "climbs out with '..'";
        if (n > 255)
            return "has a name longer than 255 bytes";
        if (n > 0 && !(n == 1 && name[0] == '.')) {
            if (ret->len > 0)
                strbuf_adds(ret, "/");
            strbuf_add(ret, name, n);
        }
        name += n;
        name += strspn(name, "/");
    }
    if (ret->len == 0)
        strbuf_adds(ret, ".");
    if (ret->len >= 4096)
        return "has a name longer than 4095 bytes";
    return NULL;
}

/* ---- a file's content ---- */

static int check_size(struct unpacker *u)
{
    uint64_t read = u->stream->at;
    char size[UNIT_TEXT_SIZE], what[64];

    if (u->counts->bytes > u->limits->bytes)
        return unpacker_bomb(u, unit_format_size(u->limits->bytes, size));
    if (u->limits->ratio == 0 || u->counts->bytes <= u->limits->ratio_from ||
        u->counts->bytes / u->limits->ratio <= read)
        return 0;
    (void)snprintf(what, sizeof(what), "%s, %llu times its own size",
                   unit_format_size(u->limits->ratio_from, size),
                   (unsigned long long)u->limits->ratio);
    return unpacker_bomb(u, what);
}

static int write_at(int fd, const char *data, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, at);

        if (n < 0 && errno != EINTR)
            return -errno;
        n = n < 0 ? 0 : n;
        data += n;
        size -= (size_t)n;
        at += n;
    }
    return 0;
}

/* What a sparse file has at its end as a hole. */
static int extend(struct unpacker *u, const char *name, int fd, int64_t size)
{
    return fd >= 0 && ftruncate(fd, (off_t)size) < 0 ? unpacker_write_failed(u, name, errno, NULL)
                                                     : 0;
}

int unpacker_copy(struct unpacker *u, const char *name, int fd)
{
    const void *block;
    int64_t offset = 0, end = 0;
    size_t size;
    int r;

    while ((r = archive_read_data_block(u->in, &block, &size, &offset)) == ARCHIVE_OK) {
        u->counts->bytes += size;
        r = check_size(u);
        if (r < 0)
            return r;
        r = fd >= 0 ? write_at(fd, block, size, (off_t)offset) : 0;
        if (r < 0)
            return unpacker_write_failed(u, name, -r, NULL);
        if (fd < 0 && archive_write_data_block(u->out, block, size, offset) < ARCHIVE_OK)
            return unpacker_write_failed(u, name, archive_errno(u->out),
                                         archive_error_string(u->out));
        end = size > 0 ? offset + (int64_t)size : end;
    }
    if (r != ARCHIVE_EOF)
        return unpacker_corrupt(u, archive_error_string(u->in));
    return offset > end ? extend(u, name, fd, offset) : 0;
}
