/* SPDX-License-Identifier: Apache-2.0 */
/* submissions: private to supervisor: what the cases of a submission come to together. Not
 * responsible for counting points (reports/score.h), nor for which case is next (schedule.h). */
#pragma once

#include "harness/supervisor/supervisor_state.h"

struct submissions;
/* Finds the submissions of a run; what is reported of them lives in the arena. NULL: none. */
struct submissions *submissions_new(const struct run *run, struct arena *arena);
void submissions_free(struct submissions *all);
/* The result of an instance is final and written: with the last case of a submission, that is
 * counted up and written, too. */
int submissions_ended(struct supervisor *s, size_t instance, struct cupel_error *err);
/* Returns them, in the order of the run's files. */
const struct reports_submission *submissions_list(const struct submissions *all, size_t *ret_n);
/* Whether both are cases of one submission. */
bool submissions_share(const struct supervisor *s, size_t job, size_t other);
/* Notes that a case is `not run` because of another job: of several, the first one counts. */
void submissions_not_run(struct supervisor *s, size_t job, size_t because_of);
/* Returns why a job that waits for another, which did not pass, is `not run`: a case, since the
 * submission has not got so far. NULL: that is not known to be the submission's doing, so it is
 * skipped. Malloc'ed. */
char *submissions_why_not_run(const struct supervisor *s, size_t job, size_t because_of);
