/* SPDX-License-Identifier: Apache-2.0 */
/* treesum: private to rootfs-cache. One digest of all that a tree is. */
#pragma once

#include "rootfs-cache/cache.h"

/* What a layer is noted to be like: which form of digest, and the digest. Layers of the first form,
 * which had no word for it, hashed holes as the zeros that they read as. */
#define TREESUM_NOW "2:"
#define TREESUM_TEXT_SIZE (sizeof(TREESUM_NOW) + CACHE_KEY_LEN)

/* Computes the digest over names, types, modes, owners, sizes, times of files, targets, attributes,
 * hard links and contents: two trees have the same one when no job could tell them apart. Reads all
 * of it but holes, in a confined child. `keep` as for child_work. */
int treesum(int tree, int keep, char ret_text[TREESUM_TEXT_SIZE], struct cupel_error *err);
/* Whether the tree is as it was recorded to be, in whichever form. */
int treesum_compare(int tree, int keep, const char *recorded, bool *ret_same,
                    struct cupel_error *err);
/* The same as treesum but for times: what is checked out twice is the same. `tree` is a directory
 * of the user's own. What lies at the path `without` in it is as if it were not there; NULL:
 * nothing. */
int treesum_untimed(int tree, const char *without, char ret_hex[CACHE_KEY_LEN + 1],
                    struct cupel_error *err);
/* Computes one that changes with each write there, also with one that is taken back: of when what
 * is there was changed last, and of no contents. */
int treesum_witness(int tree, const char *without, char ret_hex[CACHE_KEY_LEN + 1],
                    struct cupel_error *err);
/* Computes the same digest as treesum, of the current directory and without a child. */
int treesum_here(unsigned char ret_digest[32], struct cupel_error *err);
void treesum_text(const unsigned char digest[32], char ret_text[TREESUM_TEXT_SIZE]);
