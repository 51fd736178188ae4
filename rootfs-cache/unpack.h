/* unpack: private to rootfs-cache. */
#pragma once

#include "rootfs-cache/child.h"

/* Against decompression bombs; generous: a full desktop system has under a million files and 30 GiB. */
#define UNPACK_MAX_ENTRIES UINT64_C(4000000)
#define UNPACK_MAX_BYTES (UINT64_C(64) << 30)

struct unpack_limits {
    uint64_t entries;
    uint64_t bytes;
};

/* Unpacks the tar (plain, gzip, bzip2, xz, lzma, zstd, lz4, compress) at fd's offset 0 into the empty directory `tree`.
 * `name` is for messages. On failure the tree holds whatever came before: the caller throws it away. */
int unpack_tar(int fd, const char *name, int tree, int keep, const struct unpack_limits *limits,
               struct child_counts *ret_counts, struct cupel_error *err);
