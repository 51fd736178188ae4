/* SPDX-License-Identifier: Apache-2.0 */
/* stream: see stream.h. Two readers of libarchive's, one over the other: the lower one
 * decompresses (what is gzip, gunzip.c beneath it), so that what it gives can be hashed, and read
 * on behind the tar's end. Not responsible for what the entries mean (unpack.c). */
#include "rootfs-cache/confined/stream.h"

#include "rootfs-cache/confined/filetype.h"
#include "rootfs-cache/confined/hash.h"

#include <string.h>

#define HEAD_MAX FILETYPE_HEAD

void stream_close(struct stream *s)
{
    if (s->blob != NULL)
        (void)archive_read_free(s->blob);
    gunzip_close(&s->gunzip);
    EVP_MD_CTX_free(s->blob_digest);
    EVP_MD_CTX_free(s->tar_digest);
    free(s->chunk);
    free(s->head);
    *s = (struct stream){.fd = -EBADF};
}

static void stream_tell_position(const struct stream *s)
{
    if (s->done != NULL)
        atomic_store_explicit(s->done, s->at, memory_order_relaxed);
    if (s->positions)
        (void)lseek(s->fd, s->offset + (off_t)s->at, SEEK_SET);
}

static la_ssize_t read_blob(struct archive *a, void *data, const void **ret_block)
{
    struct stream *s = data;
    uint64_t left = s->size - s->at;
    ssize_t n;

    *ret_block = s->chunk;
    do
        n = pread(s->fd, s->chunk, left < UNPACK_BLOCK ? left : UNPACK_BLOCK,
                  s->offset + (off_t)s->at);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        archive_set_error(a, errno, "cannot read it");
        return -1;
    }
    s->at += (uint64_t)n;
    stream_tell_position(s);
    if (n > 0 && s->blob_digest != NULL &&
        EVP_DigestUpdate(s->blob_digest, s->chunk, (size_t)n) != 1) {
        archive_set_error(a, EIO, "its digest cannot be computed");
        return -1;
    }
    return n;
}

static void note_head(struct stream *s, const void *block, size_t size)
{
    size_t room = HEAD_MAX - s->n_head, n = size < room ? size : room;

    memcpy(s->head + s->n_head, block, n);
    s->n_head += n;
}

static la_ssize_t read_tar(struct archive *a, void *data, const void **ret_block)
{
    struct stream *s = data;
    size_t size = 0;
    int64_t offset;
    int r = s->at_end ? ARCHIVE_EOF : archive_read_data_block(s->blob, ret_block, &size, &offset);

    if (r == ARCHIVE_EOF) {
        s->at_end = true;
        return 0;
    }
    if (r < ARCHIVE_OK || (s->tar_digest != NULL && !s->plain &&
                           EVP_DigestUpdate(s->tar_digest, *ret_block, size) != 1)) {
        const char *said = archive_error_string(s->blob);

        /* libarchive's filters have no words for some of what they refuse (gzip: a short trailer)
         */
        archive_set_error(a, archive_errno(s->blob), "%s",
                          said != NULL ? said : "the compressed data are damaged or cut short");
        return -1;
    }
    if (s->n_head < HEAD_MAX)
        note_head(s, *ret_block, size);
    s->unpacked += size;
    return (la_ssize_t)size;
}

static int want_digests(struct unpacker *u, struct stream *s)
{
    s->blob_digest = EVP_MD_CTX_new();
    s->tar_digest = EVP_MD_CTX_new();
    if (s->blob_digest == NULL || s->tar_digest == NULL ||
        EVP_DigestInit_ex(s->blob_digest, EVP_sha256(), NULL) != 1 ||
        EVP_DigestInit_ex(s->tar_digest, EVP_sha256(), NULL) != 1)
        return cupel_error_set(u->err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot unpack '%s'", u->name);
    return 0;
}

/* No bytes at all are no archive to any reader; they are an empty layer (skopeo and umoci take
 * such). */
static int open_blob(struct unpacker *u, struct stream *s)
{
    struct archive_entry *entry;
    int r;

    s->blob = archive_read_new();
    if (s->blob == NULL)
        return cupel_error_set(u->err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot unpack '%s'", u->name);
    unpacker_support_filters(s->blob);
    (void)archive_read_support_format_raw(s->blob);
    (void)archive_read_support_format_empty(s->blob);
    gunzip_begin(&s->gunzip, read_blob, s);
    if (archive_read_open(s->blob, &s->gunzip, NULL, gunzip_read, NULL) < ARCHIVE_OK)
        return unpacker_corrupt(u, archive_error_string(s->blob));
    r = archive_read_next_header(s->blob, &entry);
    if (r < ARCHIVE_WARN)
        return unpacker_corrupt(u, archive_error_string(s->blob));
    s->at_end = r == ARCHIVE_EOF;
    s->plain = !gunzip_found(&s->gunzip) && archive_filter_code(s->blob, 0) == ARCHIVE_FILTER_NONE;
    return 0;
}

int stream_open(struct unpacker *u, struct stream *s, bool digests)
{
    int r = digests ? want_digests(u, s) : 0;

    s->chunk = xmalloc(UNPACK_BLOCK);
    s->head = xmalloc(HEAD_MAX);
    u->stream = s;
    if (r == 0)
        r = open_blob(u, s);
    if (r < 0)
        return r;
    (void)archive_read_support_format_tar(u->in);
    (void)archive_read_support_format_empty(u->in);
    if (archive_read_open(u->in, s, NULL, read_tar, NULL) < ARCHIVE_OK)
        return stream_is_no_tar(u, s);
    return 0;
}

int stream_finish(struct unpacker *u, struct stream *s)
{
    const void *block;
    la_ssize_t n;

    while ((n = read_tar(u->in, s, &block)) > 0)
        if (s->unpacked > u->limits->bytes)
            return unpacker_corrupt(u, "it does not end");
    if (n < 0)
        return unpacker_corrupt(u, archive_error_string(u->in));
    while (s->blob_digest != NULL && (n = read_blob(s->blob, s, &block)) > 0)
        ;
    return n < 0 ? unpacker_corrupt(u, "it cannot be read to its end") : 0;
}

static int finish_digest(struct unpacker *u, EVP_MD_CTX *context, char ret_hex[STREAM_DIGEST_HEX])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(context, bytes, NULL) != 1)
        return unpacker_corrupt(u, "its digest cannot be computed");
    hash_hex(bytes, ret_hex);
    return 0;
}

int stream_digests(struct unpacker *u, struct stream *s, char ret_blob[STREAM_DIGEST_HEX],
                   char ret_tar[STREAM_DIGEST_HEX])
{
    int r = finish_digest(u, s->blob_digest, ret_blob);

    if (r == 0)
        r = finish_digest(u, s->tar_digest, ret_tar);
    if (r == 0 && s->plain)
        memcpy(ret_tar, ret_blob, STREAM_DIGEST_HEX);
    return r;
}

int stream_is_no_tar(struct unpacker *u, struct stream *s)
{
    const struct filetype *type;
    const char *said = archive_error_string(u->in);
    ssize_t n =
        s->plain ? pread(s->fd, s->head, s->size < HEAD_MAX ? (size_t)s->size : HEAD_MAX, s->offset)
                 : -1;

    if (n >= 0)
        s->n_head = (size_t)n;
    type = filetype_of(s->head, s->n_head);
    if (type == NULL && said != NULL && strstr(said, "Unrecognized") == NULL)
        return unpacker_corrupt(u, said);
    if (type == NULL)
        return unpacker_corrupt(u,
                                s->plain ? "it is no tar" : "what is compressed in it is no tar");
    (void)cupel_error_set(u->err, CUPEL_ERROR_INPUT, 0, "cannot unpack '%s': %s is %s, and no tar",
                          u->name, s->plain ? "it" : "what is compressed in it", type->what);
    cupel_error_hint(u->err, "%s", type->hint);
    return -EBADMSG;
}
