/* SPDX-License-Identifier: Apache-2.0 */
/* contents: private to rootfs-cache. The files of an image by name, as the confined child that
 * reads them sees them: in a plain tar, by an index of names and offsets that one pass over its
 * headers makes; in a directory, by asking for them. Knows nothing of what is in them. */
#pragma once

#include "rootfs-cache/confined/child.h"

struct contents;

/* `path` is for messages, and borrowed. */
int contents_of_archive(int fd, const char *path, struct contents **ret, struct cupel_error *err);
struct contents *contents_of_directory(struct child_self *self);
void contents_free(struct contents *c);

/* Where an archive has the regular file `name`, through links that stay within. -ENOENT when there
 * is none, and of a directory. */
int contents_find(const struct contents *c, const char *name, off_t *ret_offset,
                  uint64_t *ret_size);
bool contents_have(const struct contents *c, const char *name);
/* Reads the file's content, which gets a NUL at its end; -EFBIG beyond `max`. */
int contents_read(const struct contents *c, const char *name, size_t max, char **ret_text,
                  size_t *ret_len);

/* Whether a file begins with a header of a tar, of whatever form. */
bool contents_is_tar(int fd);
/* Writes the tar that is compressed in fd to `out`. */
int contents_decompress(int fd, int out, const char *path, struct cupel_error *err);
