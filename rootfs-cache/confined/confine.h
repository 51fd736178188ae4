/* SPDX-License-Identifier: Apache-2.0 */
/* confine: private to child.c. What a child that handles hostile bytes can still do. */
#pragma once

#include "rootfs-cache/cache.h"

enum confine_kind {
    CONFINE_TREE, /* writes or reads one tree */
    /* computes, on descriptors from 3 on that it has or is sent; has no file system */
    CONFINE_DESCRIPTORS,
    CONFINE_LONG, /* the same for gigabytes, which it may also write */
};

/* What a reader may use. */
struct confine_bounds {
    unsigned seconds; /* of CPU; 0: what is usual */
    uint64_t file;    /* bytes of a file that it writes; long work has bounds of its own */
};
/* Begins the confinement, in the child: `place` is its current and root directory from now on, and
 * it ends when its `parent` dies. */
int confine_begin(enum confine_kind kind, int place, pid_t parent,
                  const struct confine_bounds *bounds);
/* The last step, when it has the descriptors that it shall have: calls are refused from now on. */
int confine_finish(enum confine_kind kind);
/* Memory that a reader may take beyond what it was started with, for messages. */
uint64_t confine_memory(enum confine_kind kind);
/* Seconds of CPU that a reader has which was given so many, or 0, for messages. */
unsigned confine_seconds(enum confine_kind kind, unsigned seconds);
