/* SPDX-License-Identifier: Apache-2.0 */
/* hash: private to rootfs-cache. SHA-256 of bytes as hex digits, through libcrypto. */
#pragma once

#include "rootfs-cache/cache.h"

/* Whether the text is what the functions below give: 64 hex digits, in lower case. */
bool hash_is_hex(const char *text);
void hash_hex(const unsigned char digest[32], char ret_hex[CACHE_KEY_LEN + 1]);

int hash_bytes(const void *data, size_t n, char ret_hex[CACHE_KEY_LEN + 1]);
/* Digest of n texts, each with its length, so that no two lists collide. */
int hash_texts(const char *const *texts, size_t n, char ret_hex[CACHE_KEY_LEN + 1]);
/* Digest of the whole file. -EINTR when a signal that ends the program came first. */
int hash_file(int fd, char ret_hex[CACHE_KEY_LEN + 1]);
