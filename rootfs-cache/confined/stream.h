/* SPDX-License-Identifier: Apache-2.0 */
/* stream: private to unpack.c and oci_layer.c: the tar that is in a file or a part of one,
 * decompressed as it is read, in the confined child. */
#pragma once

#include "base/libcrypto.h"
#include "rootfs-cache/confined/gunzip.h"
#include "rootfs-cache/confined/unpacker.h"

#include <stdatomic.h>

#define STREAM_DIGEST_HEX (2 * 32 + 1)

struct stream {
    int fd;
    off_t offset; /* where it begins in the file */
    uint64_t size;
    bool
        positions; /* the file's own position says how much was read: its parent has the same one */
    _Atomic uint64_t *done;               /* says the same, or NULL */
    uint64_t at;                          /* read of it so far */
    uint64_t unpacked;                    /* bytes of the tar so far */
    struct gunzip gunzip;                 /* between the file and blob */
    struct archive *blob;                 /* the decompressor of all but gzip */
    EVP_MD_CTX *blob_digest, *tar_digest; /* NULL: nobody asks */
    char *chunk;
    bool at_end;
    bool plain; /* nothing is compressed: one digest is both */
    char *head; /* what the tar begins with */
    size_t n_head;
};

/* Opens u->in over it; with `digests`, of the blob and of the tar in it. */
int stream_open(struct unpacker *u, struct stream *s, bool digests);
/* Reads what follows the tar's end marker: it was hashed as well, and a compressed stream says at
 * its end whether it is whole. */
int stream_finish(struct unpacker *u, struct stream *s);
int stream_digests(struct unpacker *u, struct stream *s, char ret_blob[STREAM_DIGEST_HEX],
                   char ret_tar[STREAM_DIGEST_HEX]);
/* The error of a file in which there is no tar: says what it is instead. */
int stream_is_no_tar(struct unpacker *u, struct stream *s);
void stream_close(struct stream *s);
