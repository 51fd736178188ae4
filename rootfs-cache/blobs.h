/* blobs: private to rootfs-cache. The files of an image by name, wherever they are: in a directory, in a tar (read in place, by
 * offset), in a compressed tar (decompressed aside first). Knows nothing of what is in them. All of it is hostile. */
#pragma once

#include "rootfs-cache/store.h"

struct blobs;

/* A range of a file; fd is borrowed from the blobs unless `owned`. */
struct blob {
    int fd;
    off_t offset;
    uint64_t size;
    bool owned;
};
#define BLOB_INIT                                                                                                      \
    {                                                                                                                  \
        .fd = -EBADF                                                                                                   \
    }
void blob_close(struct blob *b);

/* Opens the directory or archive `path`; `root` is whose source it is, for messages. */
int blobs_open(struct cache *cache, const char *path, const char *root, struct blobs **ret, struct cupel_error *err);
void blobs_close(struct blobs *b);
/* The absolute path, for messages. */
const char *blobs_path(const struct blobs *b);
/* Whether it is an archive, and not a directory. */
bool blobs_is_archive(const struct blobs *b);

/* The regular file `name` ("blobs/sha256/…"), through links that stay within. -ENOENT when there is none. */
int blobs_find(const struct blobs *b, const char *name, struct blob *ret);
/* Its content, NUL-terminated, -EFBIG beyond `max`. */
int blobs_read(const struct blobs *b, const char *name, size_t max, char **ret_text, size_t *ret_len);
