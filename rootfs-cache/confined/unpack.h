/* SPDX-License-Identifier: Apache-2.0 */
/* unpack: private to rootfs-cache. */
#pragma once

#include "rootfs-cache/confined/blobs.h"
#include "rootfs-cache/confined/child.h"

/* Against decompression bombs; generous: a full desktop system has under a million files and 30
 * GiB, and compresses to a third. Only zeros compress to less than a five-hundredth (gzip: a
 * thousandth, xz and zstd far less). */
struct unpack_limits {
    uint64_t entries;
    uint64_t bytes;
    uint64_t ratio;      /* of content to what was read of the archive, 0: any ... */
    uint64_t ratio_from; /* ... when the content is more than this */
};
#define UNPACK_LIMITS                                                                              \
    {                                                                                              \
        .entries = 4000000, .bytes = UINT64_C(64) << 30, .ratio = 500,                             \
        .ratio_from = UINT64_C(1) << 30                                                            \
    }

/* What every unpacking tells in its counts: entries, bytes, owners, devices, and the tree's digest
 * (treesum.h). */

/* Unpacks the tar (plain, gzip, bzip2, xz, lzma, zstd, lz4, compress) at fd's offset 0 into the
 * empty directory `tree`. `name` is for messages. On failure the tree holds whatever came before:
 * the caller throws it away. */
int unpack_tar(int fd, const char *name, int tree, int keep, const struct unpack_limits *limits,
               struct child_counts *ret_counts, struct cupel_error *err);

/* Tells of what was not taken as it was. */
void unpack_warn(const char *name, const struct child_counts *counts);

/* A layer of an image (OCI image specification, layer.md). */
struct unpack_layer {
    const struct blob *blob;
    const char *digest;  /* that the blob must have, 64 hex digits, or "" */
    const char *diff_id; /* that the tar in it must have */
    int *lowers;         /* trees of the layers beneath, top first; room for one more */
    size_t n_lowers;
    /* the end of a pipe from which nothing but its end comes, once all of those are whole; -EBADF:
     * they are */
    int ready;
    _Atomic uint64_t *done; /* shared with the parent: bytes of the blob read so far; or NULL */
};
/* Unpacks it into the empty `tree` as a layer of an overlay (`userxattr`): whiteouts become
 * character devices 0:0, opaque directories are marked; directories that it only implies are like
 * those beneath; a hard link to a file beneath gets a copy of it. */
int unpack_layer(const struct unpack_layer *layer, const char *name, int tree, int keep,
                 const struct unpack_limits *limits, struct child_counts *ret_counts,
                 struct cupel_error *err);
/* The same in parts, for several at once: see child_start, child_end. All that it is given is
 * borrowed until it has begun. */
struct unpacking;
int unpacking_begin(const struct unpack_layer *layer, const char *name, int tree, int keep,
                    const struct unpack_limits *limits, struct unpacking **ret,
                    struct cupel_error *err);
/* `strip`: so many directories are taken off the front of each name. */
int unpacking_begin_tar(int fd, const char *name, unsigned strip, int tree, int keep,
                        const struct unpack_limits *limits, struct unpacking **ret,
                        struct cupel_error *err);
int unpacking_socket(const struct unpacking *unpacking);
int unpacking_end(struct unpacking *unpacking, struct child_counts *ret_counts,
                  struct cupel_error *err);
void unpacking_abandon(struct unpacking *unpacking);
