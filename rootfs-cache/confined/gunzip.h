/* SPDX-License-Identifier: Apache-2.0 */
/* gunzip: private to what reads archives behind the wall: gzip (RFC 1952), whose checksum and
 * length are compared at the end of each member. libarchive's own filter passes over both, so that
 * a flipped bit would go unnoticed. */
#pragma once

#include "base/base.h"

#include "rootfs-cache/confined/libarchive.h"

#include <zlib.h>

enum gunzip_state { GUNZIP_BEGIN, GUNZIP_PLAIN, GUNZIP_MEMBER, GUNZIP_BETWEEN, GUNZIP_END };

/* One stream; of one that is in it, the next one reads what this one gives. */
struct gunzip_stream {
    archive_read_callback *from; /* gives what may be compressed ... */
    void *data;                  /* ... when called with this */
    enum gunzip_state state;
    z_stream z;
    unsigned char *out;
};
#define GUNZIP_DEPTH 4

struct gunzip {
    struct gunzip_stream streams[GUNZIP_DEPTH];
};

void gunzip_begin(struct gunzip *g, archive_read_callback *from, void *data);

/* A read callback of libarchive's; `gunzip` is a struct gunzip. It hands on what does not begin as
 * gzip does. Members that follow one another are one stream; what follows the last one and is none
 * is passed over, as gzip(1) does. */
la_ssize_t gunzip_read(struct archive *a, void *gunzip, const void **ret_block);
/* Whether what was read is gzip: known from the first read on. */
bool gunzip_found(const struct gunzip *g);
void gunzip_close(struct gunzip *g);
