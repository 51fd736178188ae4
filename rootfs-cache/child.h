/* child: private to rootfs-cache. Runs a function in a process of its own, confined to one directory, and brings one
 * result back: a crash in a decompressor becomes a message, and what a hostile archive could reach is one tree. */
#pragma once

#include "rootfs-cache/cache.h"

struct child_counts {
    uint64_t entries;
    uint64_t bytes;
    uint64_t remapped_owners;
    uint64_t skipped_devices;
    unsigned char digest[32]; /* of what was read, for work that computes one */
};

/* Runs in the child with the tree as current and (as root) root directory. `fd` is the archive. */
typedef int child_fn(void *arg, int fd, struct child_counts *counts, struct cupel_error *err);

struct child_work {
    child_fn *fn;
    void *arg;
    const char *what; /* names the work in errors: "unpack 'x.tar'" */
    int tree;
    int fd; /* -EBADF: none */
    int keep; /* held open while the child lives, or -EBADF: the lock, so that nobody takes it over while a child of a killed
                 importer is still dying */
    int *more; /* further fds; in the child, they have new numbers in this same array */
    size_t n_more;
};
int child_run(const struct child_work *work, struct child_counts *ret_counts, struct cupel_error *err);
