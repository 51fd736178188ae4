/* SPDX-License-Identifier: Apache-2.0 */
/* cli_rerun: `cupel run --rerun-failed`: which jobs of some files are outstanding, by what earlier
 * runs into the same out directory have left. */
#pragma once

#include "jobs/jobs.h"
#include "reports/reports.h"

/* Marks what has not passed since the first of these runs, and what is run for the case that one of
 * that fails; names what did not pass and is in its file no longer. Each list is malloc'ed, NULL
 * before. *ret_n: how many are marked. */
void cli_rerun_mark(const struct reports_earlier *earlier, struct jobs_plan *const *plans, size_t n,
                    bool **ret_among, size_t *ret_n);
/* Adds what the next run is to know of this one: where its files are, and what earlier ones said
 * (NULL: nothing). */
void cli_rerun_note(const struct reports_earlier *earlier, struct jobs_plan *const *plans, size_t n,
                    struct strbuf *to);
/* Names what is still outstanding in `out`, if anything is; the exit code. */
int cli_rerun_end(const char *out, struct jobs_plan *const *plans, size_t n);
