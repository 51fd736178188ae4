/* SPDX-License-Identifier: Apache-2.0 */
/* digest: private to rootfs-cache. What layers are addressed by. */
#pragma once

#include "rootfs-cache/store/store.h"

/* Key of a layer of this store made by this recipe, of n texts. Without root, owners on disk are
 * other ids than in the root: what was unpacked under another mapping is another layer. */
int digest_layer(const struct cache *cache, const char *const *texts, size_t n,
                 char ret_hex[CACHE_KEY_LEN + 1]);
/* Digest of the whole file. Remembered in the store by device, inode, size and times, so that a big
 * file is read once. -EINTR when a signal that ends the program came first. */
int digest_file(struct cache *cache, int fd, char ret_hex[CACHE_KEY_LEN + 1]);
