/* SPDX-License-Identifier: Apache-2.0 */
/* merge: private to rootfs-cache. Several layers seen as one tree, as a job sees them. */
#pragma once

#include "rootfs-cache/store/store.h"

/* A readable directory with all layers of the root, read-only. Needs the rights to mount when there
 * is more than one. */
int merge_layers(const struct cache_root *root, const char *what, struct cupel_error *err);
