/* SPDX-License-Identifier: Apache-2.0 */
/* seen: private to sandbox; what of an input a job sees, by its `exclude` and its `git`. Asked
 * along a walk over the tree, for what is mounted (excluded.c) and for what is copied
 * (keep_copy.c). */
#pragma once

#include "base/path_list.h"
#include "base/patterns.h"
#include "jobs/jobs.h"

struct seen {
    struct patterns *exclude;     /* or NULL */
    const struct path_list *only; /* or NULL */
};
/* False: all of the input is seen. */
bool seen_begin(struct seen *s, const struct jobs_input *in);
void seen_end(struct seen *s);

/* What is still to be asked of the entries of one directory. */
struct seen_at {
    struct pattern_states excluded;
    struct path_list_part listed;
};
void seen_at_top(const struct seen *s, struct seen_at *ret);
void seen_at_free(struct seen_at *at);

enum seen_what { SEEN_NOT, SEEN_PARTLY, SEEN_ALL };
/* Whether the entry `name` is seen. Of a directory seen partly *ret_below is for its entries, and
 * is the caller's to free; else it is empty. */
enum seen_what seen_look(const struct seen *s, const struct seen_at *at, const char *name,
                         bool is_directory, struct seen_at *ret_below);
