/* SPDX-License-Identifier: Apache-2.0 */
/* digest: private to rootfs-cache. What layers are addressed by. */
#pragma once

#include "rootfs-cache/store/store.h"

#include <sys/stat.h>

/* Key of a layer of this store made by this recipe, of n texts. Without root, owners on disk are
 * other ids than in the root: what was unpacked under another mapping is another layer. */
int digest_layer(const struct cache *cache, const char *const *texts, size_t n,
                 char ret_hex[CACHE_KEY_LEN + 1]);
/* Digest of the whole file. Remembered in the store by device, inode, size and times, so that a big
 * file is read once. -EINTR when a signal that ends the program came first. */
int digest_file(struct cache *cache, int fd, char ret_hex[CACHE_KEY_LEN + 1]);

#define DIGEST_FORM_MAX 16
/* What a file was found to be, a short word, remembered in the same way: *ret_form is malloc'ed.
 * `st` is of before the file was looked at. */
bool digest_recall_form(const struct cache *cache, const struct stat *st, char **ret_form);
void digest_remember_form(const struct cache *cache, const struct stat *st, const char *form);
