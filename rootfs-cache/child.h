/* child: private to rootfs-cache. Runs a function in a process of its own, confined to one directory, and brings one
 * result back: a crash in a decompressor becomes a message, and what a hostile archive could reach is one tree. */
#pragma once

#include "rootfs-cache/cache.h"

struct child_counts {
    uint64_t entries;
    uint64_t bytes;
    uint64_t remapped_owners;
    uint64_t skipped_devices;
};

/* Runs in the child with the tree as current and (as root) root directory. `fd` is the archive. */
typedef int child_fn(void *arg, int fd, struct child_counts *counts, struct cupel_error *err);

/* `keep` is a further fd that the child holds open while it lives (the lock, so that nobody takes it over while a child
 * of a killed importer is still dying), or -EBADF. `what` names the work in errors: "unpack 'x.tar'". */
int child_run(child_fn *fn, void *arg, const char *what, int tree, int fd, int keep, struct child_counts *ret_counts,
              struct cupel_error *err);
