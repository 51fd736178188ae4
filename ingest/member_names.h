/* SPDX-License-Identifier: Apache-2.0 */
/* member_names: private to ingest: names in archives. Pure functions: decoded in the confined
 * child, judged beside it. */
#pragma once

#include "base/base.h"

/* How many directories deep a submission may be. */
#define MEMBER_DEPTH_MAX 32u

/* Adds a name as UTF-8. One that is none: in a zip it is of code page 437, as the format has it, or
 * else of Latin 1. At most MEMBERS_NAME_MAX bytes; the rest is cut off. */
void member_names_decode(const char *raw, bool zip, struct strbuf *to);

/* What becomes of a member because of its name. */
enum member_name {
    MEMBER_NAME_GOOD,
    MEMBER_NAME_JUNK,  /* what file managers leave: it counts for nothing */
    MEMBER_NAME_ROOT,  /* of the archive itself */
    MEMBER_NAME_WRONG, /* *ret_why says what it is or does */
};
/* "./a//b/" -> "a/b". Of a wrong name, *clean is what is left without "..", so that it can still be
 * said whose it is; "" where it begins with that, or with '/'. */
enum member_name member_names_clean(const char *name, struct strbuf *clean, const char **ret_why);

/* Adds a text as the name of one file: nothing that is hidden, no slash, no '.' or '-' at its
 * beginning, of 120 bytes at most; never nothing. */
void member_names_add_id(struct strbuf *to, const char *text, size_t n);

/* Returns how long the ending is by which a file is taken for an archive ("x.tar.gz": 7); 0: it has
 * none, or nothing before it. */
size_t member_names_ending(const char *name);

/* Adds a name with all capital letters small, as file systems compare that take both for the
 * same. */
void member_names_fold(const char *name, struct strbuf *to);
