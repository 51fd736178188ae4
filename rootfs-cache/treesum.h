/* treesum: private to rootfs-cache. One digest of all that a tree is. */
#pragma once

#include "rootfs-cache/store.h"

/* Over names, types, modes, owners, sizes, times of files, targets, attributes, hard links and contents: two trees have the same one
 * when no job could tell them apart. Reads all of it, in a confined child. `keep` as for child_work. */
int treesum(int tree, int keep, char ret_hex[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* The same but for times: what is checked out twice is the same. `tree` is a directory of the user's own. */
int treesum_untimed(int tree, char ret_hex[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* As treesum, of the current directory and without a child. */
int treesum_here(unsigned char ret_digest[32], struct cupel_error *err);
void treesum_hex(const unsigned char digest[32], char ret_hex[CACHE_KEY_LEN + 1]);
