/* SPDX-License-Identifier: Apache-2.0 */
/* cache_root: private to rootfs-cache. A root as it is put together of finished layers. */
#pragma once

#include "rootfs-cache/store/store.h"

/* The layer was removed by somebody meanwhile: begin again. */
#define CACHE_ROOT_GONE (-ESTALE)
/* Opens the finished layer as the root's next one. CACHE_ROOT_GONE: the store has none. */
int cache_root_add_layer(struct cache *cache, const char *key, struct cache_root *root,
                         struct cupel_error *err);
/* Returns the keys of the root's layers with what is in each (malloc'ed): a Debian that is
 * bootstrapped anew has its old key. */
char *cache_root_describe(const struct cache *cache, const struct cache_root *root);
/* Makes the text of cache_config_text the root's. */
int cache_root_take_config(const char *text, struct cache_root *root, struct cupel_error *err);
