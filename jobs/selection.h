/* SPDX-License-Identifier: Apache-2.0 */
/* selection: which jobs of several files a run is about, and what they are called in it. Not
 * responsible for the order in which they run. */
#pragma once

#include "base/base.h"

struct jobs_job;
struct jobs_plan;

/* What the jobs of several files are called in a run of all of them: by their name, or where
 * several files have one of that name, by their suite's or file's before it. Borrows the plans. */
struct jobs_ids;
struct jobs_ids *jobs_ids_new(struct jobs_plan *const *plans, size_t n);
void jobs_ids_free(struct jobs_ids *ids);
/* Malloc'ed. */
char *jobs_id(const struct jobs_ids *ids, const struct jobs_plan *plan, const struct jobs_job *job);

/* Which jobs a run is about: those whose name matches any glob of `only` (none given: all) and
 * none of `skip`, and that carry a tag that matches any glob of `tags` (none given: all). */
struct jobs_choice {
    const char *const *only;
    size_t n_only;
    const char *const *skip;
    size_t n_skip;
    const char *const *tags;
    size_t n_tags;
    /* by plan and job: what else has to hold; NULL: nothing. Then a choice may come out empty. */
    bool *const *among;
};
/* Says by plan and job whether `skip` names it. */
void jobs_find_skipped(struct jobs_plan *const *plans, size_t n_plans,
                       const struct jobs_choice *choice, bool *const *ret_skipped);
/* Marks what is chosen of all plans together, with everything that it needs, even what is skipped,
 * and whoever is on a bridge with one of them. `ret_selected` has room for each plan's n_jobs. A
 * glob that matches nothing in any plan is an error (CUPEL_ERROR_INPUT) naming the nearest name. */
int jobs_select(struct jobs_plan *const *plans, size_t n_plans, const struct jobs_choice *choice,
                bool *const *ret_selected, struct cupel_error *err);
