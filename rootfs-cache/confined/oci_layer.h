/* SPDX-License-Identifier: Apache-2.0 */
/* oci_layer: private to oci_layer.c and whiteout.c: a layer that is being unpacked, in the confined
 * child. */
#pragma once

#include "rootfs-cache/confined/unpacker.h"

#define WHITEOUT_PREFIX ".wh."

struct layer {
    const struct unpack_layer *what;
    bool is_ready;  /* what lies beneath is whole */
    char **implied; /* directories that no entry made, parents first */
    size_t n_implied;
    char **whiteouts; /* that were made */
    size_t n_whiteouts;
};

/* What the layers beneath show at `path`: 0 with the fd (O_PATH; a directory: readable), -ENOENT
 * when nothing. No link is followed. */
int oci_layer_find_beneath(struct layer *l, const char *path, int *ret_fd, struct stat *ret_st);
/* Makes the directories above `name` that no entry has made, as the layers beneath have them.
 * `name` may become another. */
int oci_layer_make_parents(struct unpacker *u, const char *entry, struct strbuf *name);
int oci_layer_mark_opaque(struct unpacker *u, const char *entry, const char *path);

/* ---- whiteout.c ---- */

/* An entry ".wh.…". */
int whiteout_make(struct unpacker *u, const char *entry, struct strbuf *name);
/* A layer that deletes or replaces a directory may also delete what was in it, before or after:
 * umoci writes such. Removes the directory `path` when no entry made it and all that is in it are
 * whiteouts. */
int whiteout_drop(struct unpacker *u, const char *entry, const char *path);
