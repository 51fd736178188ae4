/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_patterns: private to attempt: all patterns of a job, compiled into one automaton that is
 * walked once over a tree, part by part. The time that an entry takes depends on the patterns
 * alone: nothing is tried again, however often "**" stands in a pattern and however deep the tree
 * is. */
#pragma once

#include "base/base.h"

struct artifact_patterns;
struct artifact_patterns *artifact_patterns_new(const char *const *list);
void artifact_patterns_free(struct artifact_patterns *p);

/* Which parts of which patterns the entries of one directory are to be matched against. */
struct artifact_states {
    uint32_t *part;
    size_t n;
};
void artifact_states_free(struct artifact_states *s);

/* Returns the states of the root. */
void artifact_patterns_begin(struct artifact_patterns *p, struct artifact_states *ret);
/* Returns the states of the directory `name` in a directory of these states; false: nothing below
 * it can match. */
bool artifact_patterns_enter(struct artifact_patterns *p, const struct artifact_states *s,
                             const char *name, struct artifact_states *ret);
/* Whether an entry that is no directory matches; each pattern that it matches counts as used. */
bool artifact_patterns_match(struct artifact_patterns *p, const struct artifact_states *s,
                             const char *name);
/* Whether pattern `i` of the list has matched anything. */
bool artifact_patterns_used(const struct artifact_patterns *p, size_t i);
