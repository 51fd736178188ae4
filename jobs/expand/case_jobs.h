/* SPDX-License-Identifier: Apache-2.0 */
/* case_jobs: the cases of a job. Private to jobs/expand/. */
#pragma once

#include "jobs/expand/matrix.h"
#include "jobs/expand/replace.h"
#include "jobs/expand/submission_languages.h"

#define CASE_KEYS_MAX 32 /* of keys_case */

struct case_entry;
/* What is written of the cases of one job, for all its instances. */
struct cases {
    struct loader *l;
    struct replacing *r;
    struct node *job, *list, *groups, *stop;
    struct case_entry *entries;
    size_t n;
    uint32_t own;                     /* bits: keys of keys_case that come anew for each case */
    struct node *base[CASE_KEYS_MAX]; /* what the job says of these */
    struct jobs_judged like; /* what `groups` and `stop` say, where that is always the same */
    bool is_like;
    struct languages *languages;                /* that change limits, or NULL */
    const struct submission_language *language; /* of the instance, or NULL */
};
/* Takes what cases are made of out of a job that has some; false after a problem. What it leaves is
 * the same for all cases of an instance. `languages`: those that its instances may be in, or NULL.
 */
bool cases_take(struct cases *c, struct loader *l, struct replacing *r, struct node *job,
                struct languages *languages);
/* One case: a job to be added. `match`: the file that it is made of, of which the texts are the
 * plan's; or NULL. */
typedef void case_fn(void *data, struct node *job, struct jobs_case *of_case,
                     const struct expand_match *match);
/* Makes a job of each case of an instance (or of the job, where it has no matrix), which has what
 * cases_take left, with its environment first; its values are in `r`. Calls `each` for each, and
 * returns how many; `first`: the number of the first one. Adds to plan->judged. */
size_t cases_each(struct cases *c, struct node *instance, size_t first, case_fn *each, void *data);
void cases_free(struct cases *c);
