/* SPDX-License-Identifier: Apache-2.0 */
/* record_job: the tables of the lines of jobs, steps and submissions. Private to reports/. */
#pragma once

#include "reports/record_table.h"
#include "reports/reports.h"

/* Its variants: a job's line, a named step's, an attempt before the last one, a step of that. */
#define RECORD_JOB 1u
#define RECORD_STEP 2u
#define RECORD_ATTEMPT 4u
#define RECORD_ATTEMPT_STEP 8u
extern const struct record_table record_job; /* of struct reports_result */

/* Returns what a line says of that case of a result, as a result of its own, whose only case it is.
 * Its id is `id`. */
struct reports_result record_step_of(const struct reports_result *result,
                                     const struct reports_case *c, const char *id);

extern const struct record_table record_submission; /* of struct reports_submission */
extern const struct record_table record_artifact;
extern const struct record_table record_group; /* of struct reports_score_group */
