/* SPDX-License-Identifier: Apache-2.0 */
/* async_safe: private to sandbox; small things usable between clone and exec. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* strlcpy/strlcat as everyone knows them. */
size_t safe_copy(char *to, const char *from, size_t size);
size_t safe_append(char *to, const char *from, size_t size);
size_t safe_append_number(char *to, uint64_t n, size_t size);

/* Does setgroups(0, NULL). A user namespace of one id refuses it (user_namespaces(7)): there, the
 * caller's groups stay. */
int safe_drop_groups(uint32_t ids);

/* Gives these, where the map has more than one id; else as safe_drop_groups. */
int safe_take_groups(uint32_t ids, const uint32_t *groups, unsigned n);

/* Reads up to the end of the file: bytes, or -errno; -EFBIG when it does not fit. */
int safe_read_all(int fd, char *buf, size_t size);
