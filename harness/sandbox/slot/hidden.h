/* SPDX-License-Identifier: Apache-2.0 */
/* hidden: private to sandbox; a directory of the host that no job sees. */
#pragma once

#include "harness/sandbox/sandbox.h"

#include <sys/stat.h>

/* Calls `found` with every other name, opened, that the mounts in sight give the open directory
 * `fd` of this path: a container may have a directory, and one in it once more elsewhere. */
int hidden_other_names(int fd, const char *path, int (*found)(void *data, int fd), void *data);

/* Whether it is that directory. */
bool hidden_is(const struct sandbox_hidden *hidden, const struct stat *st);

/* Makes the directory `dir` look like the one that it is laid over, which is open as `host`. */
int hidden_be_like(int dir, int host);
/* Opens /hide/INPUT in the stage, anew where it is not `there`. Returns fd or -errno. */
int hidden_open_layer(struct sandbox_stage *s, size_t input, bool there);
/* Where it lies in the input number `input`, a detached mount of the directory `st`: makes
 * /hide/INPUT in the stage, the layer that hides it. *ret_hides: whether it does. */
int hidden_lay_over_input(struct sandbox_stage *s, size_t input, const struct stat *st, int mount,
                          bool *ret_hides);
/* The same for the host's root: adds it to the two layers of stage_mask.c in `mask`. `host` is the
 * root as jobs see it, before anything is hidden. */
int hidden_lay_over_host(const struct sandbox_hidden *hidden, int mask, int host);
