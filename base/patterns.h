/* SPDX-License-Identifier: Apache-2.0 */
/* patterns: patterns of paths, compiled into one automaton that is walked once over a tree, part by
 * part. The time that an entry takes depends on the patterns
 * alone: nothing is tried again, however often "**" stands in a pattern and however deep the tree
 * is. */
#pragma once

#include "base/base.h"

struct patterns;
/* Relative patterns of the list are below the directory `base`, no part of which is a pattern. */
struct patterns *patterns_new(const char *const *list, const char *base);
void patterns_free(struct patterns *p);

/* Which parts of which patterns the entries of one directory are to be matched against. */
struct pattern_states {
    uint32_t *part;
    size_t n;
};
void pattern_states_free(struct pattern_states *s);

/* Returns the states of the root. */
void patterns_begin(struct patterns *p, struct pattern_states *ret);
/* Returns the states of the directory `name` in a directory of these states; false: nothing below
 * it can match. */
bool patterns_enter(struct patterns *p, const struct pattern_states *s, const char *name,
                    struct pattern_states *ret);
/* Whether all that there is in a directory of these states matches. */
bool pattern_states_take_all(const struct patterns *p, const struct pattern_states *s);
/* Whether an entry itself matches, a directory too; each pattern that it matches counts as used,
 * and as served where `served` says that the entry was copied. */
bool patterns_match(struct patterns *p, const struct pattern_states *s, const char *name,
                    bool served);
/* Whether pattern `i` of the list has matched anything, and whether anything of it was copied. */
bool patterns_used(const struct patterns *p, size_t i);
bool patterns_served(const struct patterns *p, size_t i);
