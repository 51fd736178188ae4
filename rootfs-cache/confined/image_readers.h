/* SPDX-License-Identifier: Apache-2.0 */
/* image_readers: private to rootfs-cache. What is done in a confined child that says what an image
 * is; answer.h reads what it says. */
#pragma once

#include "rootfs-cache/confined/image.h"

/* child_reader_fn; `arg` is a struct image_files, and the archive, if it is one, the work's fd. */
struct image_files {
    const struct image_wanted *wanted;
    bool archive; /* else a directory, whose files are asked for */
};
int image_readers_files(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                        struct cupel_error *err);

/* child_reader_fn; `arg` is a struct image_summary, the work's fd what `skopeo inspect` says
 * (JSON). Of the image's configuration only the layers are told, and none of its digest. */
struct image_summary {
    const char *name;
    int config; /* the configuration: moves with the child's descriptors */
};
int image_readers_summary(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                          struct cupel_error *err);
