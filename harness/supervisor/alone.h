/* SPDX-License-Identifier: Apache-2.0 */
/* alone: which verdicts near a limit of time are worth another attempt with nothing else of the run
 * beside it, and what is said of those attempts. Pure. */
#pragma once

#include "base/base.h"

struct jobs_job;
struct reports_result;

/* Whether this attempt's verdict is about time, and so near that it may be another one alone. */
bool alone_is_worth_it(const struct jobs_job *job, const struct reports_result *attempt);
/* Says in the evidence of a job's last attempt, or in a note where that passed, what the attempts
 * took: "1.02s of its cpu-time limit 1s; run again alone: 930ms". */
void alone_tell(const struct jobs_job *job, struct reports_result *last, struct arena *arena);
