/* SPDX-License-Identifier: Apache-2.0 */
/* filetype: private to rootfs-cache. What a file is that is neither tar nor image, by its first
 * bytes, and how a root comes of it. */
#pragma once

#include "base/base.h"

struct filetype {
    const char *what; /* "a squashfs image" */
    const char *hint;
};

#define FILETYPE_HEAD ((size_t)66 * 1024) /* as much of a file as there is something to see in */

/* NULL: not known. */
const struct filetype *filetype_of(const void *data, size_t n);
/* The same of an open file, from its beginning. */
const struct filetype *filetype_of_fd(int fd);
