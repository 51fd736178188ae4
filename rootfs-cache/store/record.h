/* SPDX-License-Identifier: Apache-2.0 */
/* record: private to rootfs-cache. What an imported name (names/NAME) or an image that was fetched
 * (images/KEY) stands for: layers and what the image says of its processes. */
#pragma once

#include "rootfs-cache/store/store.h"

struct record {
    char key[CACHE_STACK_MAX][CACHE_KEY_LEN + 1]; /* top first */
    size_t n;
    char *kind, *source;        /* NULL: as its layer has it (one-line names of an older cupel) */
    char *digest;               /* of the image, or NULL */
    char *reference, *platform; /* from which registry it was pulled, or NULL */
    struct cache_config *config;
};
#define RECORD_INIT                                                                                \
    {                                                                                              \
        .n = 0                                                                                     \
    }

void record_free(struct record *record);
/* `path` from the store's directory. -EBADMSG: it is no record. */
int record_read(const struct cache *cache, const char *path, struct record *ret);
/* Atomically. */
int record_write(const struct cache *cache, const char *path, const struct record *record);
/* All of a root's layers and its configuration, which is lent. */
void record_of_root(const struct cache_root *root, struct record *ret);
bool record_has(const struct record *record, const char *key);

/* Calls fn for each entry of a place of the store, sorted, but not for what is being written aside;
 * stops at a negative result. */
typedef int place_fn(struct cache *cache, const char *name, void *data);
int record_each(struct cache *cache, const char *place, place_fn *fn, void *data);
