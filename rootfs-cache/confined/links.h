/* SPDX-License-Identifier: Apache-2.0 */
/* links: private to rootfs-cache. Remembers files that have several names, to tell the second from
 * the first. */
#pragma once

#include "base/base.h"

#include <sys/stat.h>

struct link;
struct links {
    struct link *table; /* by hash, at most half full */
    size_t n, capacity;
};

/* The name under which the file was seen first, in the same layer; NULL: now, or it has only one
 * name, or is a directory. */
const char *links_seen(struct links *links, size_t layer, const struct stat *st, const char *path);
void links_free(struct links *links);
