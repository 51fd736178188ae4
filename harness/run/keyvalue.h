/* SPDX-License-Identifier: Apache-2.0 */
/* keyvalue: the one form of the records that a run leaves for others: a list of "KEY=VALUE", each
 * with a NUL at its end, as an environment is, so that any other byte may be in a value. A key may
 * occur several times. Not responsible for which keys there are: manifest.h, kept.h. */
#pragma once

#include "base/base.h"

/* Adds an entry. */
void keyvalue_add(struct strbuf *b, const char *key, const char *value);
void keyvalue_addf(struct strbuf *b, const char *key, const char *fmt, ...) BASE_PRINTF(3, 4);

/* A record that was read. Zero-initialise with {0}. */
struct keyvalue {
    char *text;
    size_t len;
};
#define cleanup_keyvalue _cleanup_(keyvalue_free)
/* Reads a file of at most `max` bytes; 0 or a negative errno. */
int keyvalue_read(struct keyvalue *ret, int dirfd, const char *path, size_t max);
void keyvalue_free(struct keyvalue *r);

/* Returns the entry after `last`, the first one after NULL; NULL at the end. */
const char *keyvalue_next(const struct keyvalue *r, const char *last);
/* Returns the value of an entry that has this key, otherwise NULL. */
const char *keyvalue_of(const char *entry, const char *key);
/* Returns the value of the nth entry (from 0) that has this key, or NULL. */
const char *keyvalue_nth(const struct keyvalue *r, const char *key, size_t n);
/* Returns the first value of this key, malloc'ed, or NULL. */
char *keyvalue_copy(const struct keyvalue *r, const char *key);
/* Returns all values of this key; NULL-terminated, freed by keyvalue_free_all. */
char **keyvalue_all(const struct keyvalue *r, const char *key);
void keyvalue_free_all(char **values);
