/* SPDX-License-Identifier: Apache-2.0 */
/* model: what the writers of this room share about verdicts and figures. Private to reports/. */
#pragma once

#include "reports/reports.h"

/* How JUnit sees a verdict. */
enum junit_outcome { JUNIT_PASS, JUNIT_FAILURE, JUNIT_ERROR, JUNIT_SKIPPED, JUNIT_OUTCOME_COUNT };

struct verdict_info {
    const char *name;
    enum junit_outcome junit;
    const char *label; /* on the console */
    const char *brief; /* the same behind "TRY 2 " */
    const char *style; /* SGR parameters of the label */
};
/* Never NULL: a value outside the enum reads as `error`, so that no mistake can look like a pass.
 */
const struct verdict_info *verdict_info(enum reports_verdict v);

/* Exact decimal text of a figure or limit kept as value/scale: "1.204", "67108864"; no locale
 * involved. */
#define MODEL_NUMBER_SIZE 40
const char *model_number(uint64_t value, uint64_t scale, char buf[static MODEL_NUMBER_SIZE]);
/* Thousandths as points: "10", "2.5". */
const char *model_points(uint64_t points, char buf[static MODEL_NUMBER_SIZE]);
/* Seconds with exactly three decimals, rounded. */
const char *model_seconds(uint64_t ns, char buf[static MODEL_NUMBER_SIZE]);

/* Returns the job's wall time: the usage figure, else the sum of its cases. */
uint64_t model_wall_ns(const struct reports_result *result);
/* Whether the result's cases are steps with names, hence cases of their own in the reports. */
bool model_has_steps(const struct reports_result *result);
/* Says whether a job passed, but not at the first attempt. */
bool model_is_flaky(const struct reports_result *result);
/* Whether it did not pass, and was allowed not to. */
bool model_is_allowed(const struct reports_result *result);
/* Whether it was not run for a reason that makes no run fail. */
bool model_is_unneeded(const struct reports_result *result);
/* What a verdict of this result, or of one of its cases, is in JUnit. */
enum junit_outcome model_junit(const struct reports_result *result, enum reports_verdict verdict);
/* Whether there are leaks of which the evidence does not speak (`leaks: fail` makes them the
 * evidence); with them. */
bool model_leaks(const struct reports_result *result, struct strbuf *out);
/* Appends where the job has passed that was not run again: "run ID, 2026-11-30 09:40:12 UTC". */
void model_add_cached(struct strbuf *b, const struct reports_result *result);
/* Appends what became of a cache, for people: "partial (pip-1), saved". */
void model_add_cache(struct strbuf *b, const struct reports_cache *cache);
/* The first case that explains the job's verdict (neither passed nor skipped), or NULL. */
const struct reports_case *model_guilty_case(const struct reports_result *result);
