/* SPDX-License-Identifier: Apache-2.0 */
/* blobs: private to rootfs-cache. Where the files of an image are: in a directory, in a tar (read
 * in place, by offset), in a compressed tar (decompressed aside first, by a confined child). Knows
 * nothing of what is in them, and parses nothing: that is contents.c's and image.c's, in a confined
 * child. All of it is hostile. */
#pragma once

#include "rootfs-cache/cache.h"

struct blobs;

/* A range of a file; fd is borrowed from the blobs unless `owned`. */
struct blob {
    int fd;
    off_t offset;
    uint64_t size;
    bool owned;
};
#define BLOB_INIT                                                                                  \
    {                                                                                              \
        .fd = -EBADF                                                                               \
    }
void blob_close(struct blob *b);

/* Opens the directory or archive `path`; `root` is whose source it is, for messages. */
int blobs_open(const char *path, const char *root, struct blobs **ret, struct cupel_error *err);
/* Whether it is a compressed archive: nothing is found in it before blobs_decompress. */
bool blobs_is_compressed(const struct blobs *b);
/* Has a confined child, whose place is the directory `place`, write the tar that is in the archive
 * to the file *out, which then takes the archive's place and is no more the caller's. -ENOSPC and
 * -EDQUOT: there is no room for it. */
int blobs_decompress(struct blobs *b, int place, int *out, struct cupel_error *err);
void blobs_close(struct blobs *b);
/* The absolute path, for messages. */
const char *blobs_path(const struct blobs *b);
/* Whether it is an archive, and not a directory. */
bool blobs_is_archive(const struct blobs *b);
/* The plain tar, or the directory (borrowed). */
int blobs_fd(const struct blobs *b);

/* A directory's regular file `name` ("blobs/sha256/…"), through links that stay within: a readable
 * fd, or -ENOENT. A child_open_fn. */
int blobs_open_file(void *directory, const char *name);
int blobs_open_file_at(int directory, const char *name);
/* What a layer is in: of a directory the file `name`, of an archive the given range of it. -ENOENT
 * when there is none. */
int blobs_find(const struct blobs *b, const char *name, off_t offset, uint64_t size,
               struct blob *ret);
