/* SPDX-License-Identifier: Apache-2.0 */
/* merge_copy: private to rootfs-cache. Several layers become one tree. */
#pragma once

#include "rootfs-cache/confined/child.h"

struct merge_copy_layers {
    int *layer; /* top first */
    size_t n;
    /* one layer, which stays one: with its whiteouts and opaque directories, without devices and
     * sockets */
    bool partial;
    /* what is neither a file, a directory nor a symbolic link is left out, and so many names are
     * refused that it would take a job's patience */
    bool plain;
    /* partial: paths below its root that are left out, NULL-terminated; or NULL */
    const char *const *without;
};
/* Makes the empty directory `tree` what an overlay of the layers would show, in a confined child.
 * `keep` as for child_work. Tells how many entries and bytes there are. */
int merge_copy(const struct merge_copy_layers *layers, int tree, int keep,
               struct child_counts *ret_counts, struct cupel_error *err);
/* The same, given up (-ECANCELED) when `stop`, asked now and then, says so; or NULL. */
typedef bool merge_copy_stop_fn(void *data);
int merge_copy_stoppable(const struct merge_copy_layers *layers, int tree, int keep,
                         merge_copy_stop_fn *stop, void *data, struct child_counts *ret_counts,
                         struct cupel_error *err);
