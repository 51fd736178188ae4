/* SPDX-License-Identifier: Apache-2.0 */
/* import: private to rootfs-cache: a source that is told by what is in it. */
#pragma once

#include "rootfs-cache/cache.h"

/* What cache_prepare does of CACHE_PATH. */
int import_prepare(struct cache *cache, const struct cache_source *path,
                   struct cache_root *ret_root, struct cupel_error *err);
