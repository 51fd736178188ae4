/* SPDX-License-Identifier: Apache-2.0 */
/* disk_template: private to sandbox; empty disks, as jobs get them, kept in the store: mke2fs and
 * what follows it are then needed once for each size, not once for each slot. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* What makes a disk what it is: upper.c. */
struct disk_shape {
    uint64_t total; /* bytes of its image */
    uint64_t bytes, inodes, shares;
};

/* Writes the template of that shape into `image`, an empty file of shape->total bytes. -ENOENT:
 * there is none, or none that is whole and made by the mke2fs of this host; then nothing was
 * written. `dirfd`: -EBADF where there are none. */
int disk_template_use(int dirfd, const struct disk_shape *shape, int image);
/* Keeps the disk in `image`, which is not mounted any more, as the template of its shape. */
int disk_template_save(int dirfd, const struct disk_shape *shape, int image);
