/* SPDX-License-Identifier: Apache-2.0 */
/* cli_collect: `gc` of what is in the store, as `cupel rootfs` and `cupel cache` have it. */
#pragma once

#include "rootfs-cache/cache.h"

#define COLLECT_NOT_SAID UINT64_MAX

/* Removes what `--keep` (gc->keep_bytes) and `--older` let go, all that may go where neither was
 * said, and prints how much that was, of things called `what`. */
int cli_collect(struct cache *cache, struct cache_gc *gc, uint64_t older_ns, const char *what,
                struct cache_collected *ret, struct cupel_error *err);
