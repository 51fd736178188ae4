/* SPDX-License-Identifier: Apache-2.0 */
/* holes: private to rootfs-cache. Files by what is in them and not by what they read as: where
 * there is data, and which of it is zeros. */
#pragma once

#include "base/base.h"

#include <sys/stat.h>

#define HOLES_BLOCK ((size_t)4096)

/* False: there can be none, and no need to ask. */
bool holes_are_likely(const struct stat *st);
/* Finds, from *at on, the next part in which there is data, in whole blocks (the last one of the
 * file may be shorter); at the end *at is `size`. */
void holes_next_data(int fd, off_t size, off_t *at, off_t *ret_end);
bool holes_is_zero(const char *data, size_t n);
/* pread of all that was asked for: n but at the file's end, or a negative errno. */
ssize_t holes_read(int fd, char *data, size_t n, off_t at);
