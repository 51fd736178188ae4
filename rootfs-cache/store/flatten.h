/* SPDX-License-Identifier: Apache-2.0 */
/* flatten: private to rootfs-cache. The bottom layers of a root that has more than CACHE_STACK_MAX
 * become one. */
#pragma once

#include "rootfs-cache/store/store.h"

/* How many of n layers, counted from the bottom, become one; 0: none. A multiple of a number, so
 * that images that differ in a few of their upper layers have it in common. */
size_t flatten_cut(size_t n);
/* The key of what n layers become, from theirs, top first. */
int flatten_key(const struct cache *cache, const char *const *keys, size_t n,
                char ret_key[CACHE_KEY_LEN + 1]);
/* Does it where it is called for. What was merged is removed, unless somebody else has it. */
int flatten_root(struct cache *cache, struct cache_root *root, const char *what,
                 struct cupel_error *err);
