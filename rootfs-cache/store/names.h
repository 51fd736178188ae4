/* SPDX-License-Identifier: Apache-2.0 */
/* names: private to rootfs-cache. What people call a root, and who refers to a layer. */
#pragma once

#include "rootfs-cache/store/record.h"

/* A name goes into a path, and must not look like one. */
int names_check(const char *name, struct cupel_error *err);
/* What an imported name, a key or a prefix of one, or keys joined by cache_root_keys stand for.
 * *ret_named: it is a name. */
int names_resolve(struct cache *cache, const char *what, struct record *ret, bool *ret_named,
                  struct cupel_error *err);

/* Who needs a layer to stay, whether or not it is in use now. */
enum names_referrer {
    NAMES_NOBODY = 0,
    NAMES_NAME = 1,  /* an imported name */
    NAMES_IMAGE = 2, /* an image that was fetched */
    NAMES_KEPT = 4,  /* what is kept of a failed job */
    NAMES_SAVED = 8, /* what a job saved for later ones */
};
/* All of them, or a negative errno. */
int names_referrers(struct cache *cache, const char *key);
/* Removes each of the layers that nobody refers to nor uses. *ret_bytes (may be NULL) grows by what
 * they took. */
int names_drop(struct cache *cache, const struct record *layers, uint64_t *ret_bytes);

int names_drop_keys(struct cache *cache, const char (*keys)[CACHE_KEY_LEN + 1], size_t n,
                    uint64_t *ret_bytes);

/* Removes the layer and every record that has it; not one that is in use (-EBUSY) or of a kept
 * failure (STORE_WANTED). */
int names_remove_layer(struct cache *cache, const char *key);
/* Removes the records of a place, "names", "images" or "saved", that have the layer. */
int names_forget(struct cache *cache, const char *place, const char *key);
/* Removes the record `name` of "saved" where its layer is gone, which is no cache of anybody's any
 * more. 1: it is removed. */
int names_forget_lost(struct cache *cache, const char *name);

/* layer.json as text (malloc'ed). */
int names_layer_info(const struct cache *cache, const char *key, char **ret_text);
