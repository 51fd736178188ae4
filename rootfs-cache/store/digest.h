/* digest: private to rootfs-cache. SHA-256 through libcrypto. */
#pragma once

#include "rootfs-cache/store/store.h"

/* Key of a recipe: the digest of n texts, each with its length, so that no two lists collide. */
int digest_texts(const char *const *texts, size_t n, char ret_hex[CACHE_KEY_LEN + 1]);
/* Key of a layer of this store made by this recipe. Without root, owners on disk are other ids than
 * in the root: what was unpacked under another mapping is another layer. */
int digest_layer(const struct cache *cache, const char *const *texts, size_t n,
                 char ret_hex[CACHE_KEY_LEN + 1]);
int digest_bytes(const void *data, size_t n, char ret_hex[CACHE_KEY_LEN + 1]);
/* Digest of the whole file. Remembered in the store by device, inode, size and times, so that a big
 * file is read once.
 */
int digest_file(struct cache *cache, int fd, char ret_hex[CACHE_KEY_LEN + 1]);
