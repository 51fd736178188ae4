/* SPDX-License-Identifier: Apache-2.0 */
/* path_list: paths below a directory, ordered so that a tree can be walked along with them: one
 * entry of the tree takes a time that grows with the logarithm of their number. The paths are
 * compared with names, and never opened. */
#pragma once

#include "base/base.h"

struct path_list;
/* Takes over `text`, malloc'ed: paths of `len` bytes together that each end with a NUL. One that
 * ends in '/' is a directory with nothing below it. */
struct path_list *path_list_new(char *text, size_t len);
void path_list_free(struct path_list *l);
/* All of them, in their order; NULL-terminated. */
const char *const *path_list_paths(const struct path_list *l);

/* Those of one directory of the tree. */
struct path_list_part {
    size_t first, end; /* they begin alike for `at` bytes */
    size_t at;
};
struct path_list_part path_list_all(const struct path_list *l);
/* Whether the entry `name` of a directory is on the list, or anything below it. *ret_below: what
 * is; *ret_itself: whether the entry itself is. */
bool path_list_enter(const struct path_list *l, const struct path_list_part *part, const char *name,
                     struct path_list_part *ret_below, bool *ret_itself);
