/* SPDX-License-Identifier: Apache-2.0 */
/* recognise: private to rootfs-cache. What kind of source a path is, told by what is in it: what is
 * done in a confined child, and what is made of its answer. */
#pragma once

#include "rootfs-cache/confined/child.h"

enum recognised_form { FORM_TAR, FORM_IMAGE, FORM_DIRECTORY, FORM_BUNDLE };

struct recognised {
    bool directory; /* what was looked at is one: set before anything is asked */
    enum recognised_form form;
    char *bundle_root;           /* of a bundle: the name of its root, as it says it; malloc'ed */
    struct cache_config *config; /* the same of its process, as an image would have it */
};
void recognised_free(struct recognised *r);

/* Both are a child_reader_fn; `arg` is the path, for messages. An archive is the work's fd, a
 * directory's files are asked for. */
int recognise_archive(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                      struct cupel_error *err);
int recognise_directory(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                        struct cupel_error *err);

/* 0, or -EBADMSG when it is not what one of the above says: a word, and for a bundle the name of
 * its root and its process. */
int recognise_take(const char *reply, size_t length, struct recognised *ret);
/* The answer of one that is no bundle. */
const char *recognise_word(enum recognised_form form);
