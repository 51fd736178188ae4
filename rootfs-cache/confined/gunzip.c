/* SPDX-License-Identifier: Apache-2.0 */
/* gunzip: see gunzip.h. zlib reads the headers and compares what the trailers say. Not responsible
 * for what else a file may be compressed with, nor for gzip in another compression (libarchive's
 * filters read both). */
#include "rootfs-cache/confined/gunzip.h"

#include <errno.h>
#include <string.h>

#define OUT_SIZE ((size_t)128 * 1024)
#define GZIP_ONLY (16 + MAX_WBITS) /* zlib.h, inflateInit2 */
#define MAGIC 3                    /* two bytes, and the only method that there is */
#define TELLING 4                  /* with the flags: what makes a member of what follows one */

static bool gunzip_is_gzip(const struct gunzip_stream *s)
{
    return s->state > GUNZIP_PLAIN;
}

static la_ssize_t gunzip_refuse(struct archive *a, int errnum, const char *why)
{
    archive_set_error(a, errnum, "%s", why);
    return -1;
}

/* The first block says what it is; of gzip it is the first input. */
static la_ssize_t gunzip_first_block(struct gunzip_stream *s, struct archive *a,
                                     const void **ret_block)
{
    la_ssize_t n = s->from(a, s->data, ret_block);

    if (n < 0)
        return n;
    s->state = GUNZIP_PLAIN;
    if (n < MAGIC || memcmp(*ret_block, "\x1f\x8b\x08", MAGIC) != 0)
        return n;
    s->z.next_in = (unsigned char *)(uintptr_t)*ret_block;
    s->z.avail_in = (unsigned)n;
    if (inflateInit2(&s->z, GZIP_ONLY) != Z_OK)
        return gunzip_refuse(a, ENOMEM, "there is no memory to decompress it");
    s->out = xmalloc(OUT_SIZE);
    s->state = GUNZIP_MEMBER;
    return n;
}

/* 1: there is input; 0: it is at its end. */
static la_ssize_t gunzip_fill(struct gunzip_stream *s, struct archive *a)
{
    const void *block;
    la_ssize_t n = s->z.avail_in > 0 ? 1 : s->from(a, s->data, &block);

    if (n > 0 && s->z.avail_in == 0) {
        s->z.next_in = (unsigned char *)(uintptr_t)block;
        s->z.avail_in = (unsigned)n;
    }
    return n;
}

/* zlib has no other sign of which it was than its words. */
static la_ssize_t gunzip_damaged(struct gunzip_stream *s, struct archive *a)
{
    const char *msg = s->z.msg != NULL ? s->z.msg : "";

    return gunzip_refuse(a, EILSEQ,
                         str_eq(msg, "incorrect data check") ||
                                 str_eq(msg, "incorrect length check")
                             ? "it is damaged: its checksum does not match what was unpacked"
                             : "it is damaged: its compressed data are none of gzip's");
}

/* Too little to be a member, or its first bytes are none's. */
static bool is_behind_the_last(const struct gunzip_stream *s)
{
    return s->state == GUNZIP_BETWEEN && s->z.total_in <= TELLING;
}

/* One step of zlib's, from some input to maybe some output. */
static la_ssize_t gunzip_step(struct gunzip_stream *s, struct archive *a)
{
    int r = inflate(&s->z, Z_NO_FLUSH);

    if (r == Z_STREAM_END) {
        (void)inflateReset(&s->z);
        s->state = GUNZIP_BETWEEN;
    } else if (r == Z_DATA_ERROR && is_behind_the_last(s)) {
        s->state = GUNZIP_END;
    } else if (r == Z_MEM_ERROR) {
        return gunzip_refuse(a, ENOMEM, "there is no memory to decompress it");
    } else if (r != Z_OK && r != Z_BUF_ERROR) {
        return gunzip_damaged(s, a);
    }
    return 0;
}

static la_ssize_t inflate_some(struct gunzip_stream *s, struct archive *a)
{
    la_ssize_t r = 0;

    s->z.next_out = s->out;
    s->z.avail_out = OUT_SIZE;
    while (s->state != GUNZIP_END && s->z.avail_out > 0) {
        r = gunzip_fill(s, a);
        if (r == 0 && !(s->state == GUNZIP_BETWEEN && s->z.total_in < TELLING))
            return gunzip_refuse(a, EILSEQ, "it is cut short: the compressed data do not end");
        if (r == 0)
            s->state = GUNZIP_END;
        if (r > 0)
            r = gunzip_step(s, a);
        if (r < 0)
            return r;
    }
    return (la_ssize_t)(OUT_SIZE - s->z.avail_out);
}

static la_ssize_t read_stream(struct archive *a, void *data, const void **ret_block)
{
    struct gunzip_stream *s = data;
    la_ssize_t n = 0;

    if (s->state == GUNZIP_BEGIN)
        n = gunzip_first_block(s, a, ret_block);
    else if (s->state == GUNZIP_PLAIN)
        n = s->from(a, s->data, ret_block);
    if (n < 0 || !gunzip_is_gzip(s))
        return n;
    *ret_block = s->out;
    return inflate_some(s, a);
}

void gunzip_begin(struct gunzip *g, archive_read_callback *from, void *data)
{
    *g = (struct gunzip){0};
    for (size_t i = 0; i < GUNZIP_DEPTH; i++) {
        g->streams[i].from = i == 0 ? from : read_stream;
        g->streams[i].data = i == 0 ? data : &g->streams[i - 1];
    }
}

la_ssize_t gunzip_read(struct archive *a, void *gunzip, const void **ret_block)
{
    struct gunzip *g = gunzip;

    return read_stream(a, &g->streams[GUNZIP_DEPTH - 1], ret_block);
}

bool gunzip_found(const struct gunzip *g)
{
    return gunzip_is_gzip(&g->streams[0]);
}

void gunzip_close(struct gunzip *g)
{
    for (size_t i = 0; i < GUNZIP_DEPTH; i++) {
        if (gunzip_is_gzip(&g->streams[i]))
            (void)inflateEnd(&g->streams[i].z);
        free(g->streams[i].out);
    }
    *g = (struct gunzip){0};
}
