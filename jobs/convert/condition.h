/* SPDX-License-Identifier: Apache-2.0 */
/* condition: conditions of pipelines, as far as what is known decides them. Private to
 * jobs/convert/. */
#pragma once

#include "jobs/convert/convert.h"

/* Whether a condition holds: that may depend on what is not known. In this order, "and" is the
 * least of two and "or" the greatest. */
enum truth { TRUTH_NO, TRUTH_MAYBE, TRUTH_YES };

/* What a variable stands for: with neither, it is not known. */
struct condition_value {
    bool is_unset;
    const char *text; /* or NULL */
};

/* Tells what a variable stands for. */
typedef struct condition_value condition_fn(void *data, const char *name);

/* What --var says of the name; neither a text nor unset where it says nothing. */
struct condition_value condition_given(const struct converter *c, const char *name);
/* Whether GitLab's expression holds; MAYBE also where it is none. */
enum truth condition_gitlab(struct converter *c, const char *text, condition_fn *ask, void *data);
/* Whether the text matches a regular expression, which stands in slashes. */
enum truth condition_matches(struct converter *c, const char *text, const char *pattern,
                             size_t length);

static inline enum truth truth_least(enum truth a, enum truth b)
{
    return a < b ? a : b;
}
static inline enum truth truth_greatest(enum truth a, enum truth b)
{
    return a > b ? a : b;
}
static inline enum truth truth_of(bool b)
{
    return b ? TRUTH_YES : TRUTH_NO;
}
