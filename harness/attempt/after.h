/* SPDX-License-Identifier: Apache-2.0 */
/* after: private to attempt: runs a job's `after` in its sandbox, once the job is judged. */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Runs it, where the job has one and its PID 1 is there to start it, and waits for its end. Nobody
 * of the job is left afterwards. The job's facts and verdict stay as they are: what there is to say
 * of it is a note. */
void after_run(struct attempt *a, struct attempt_result *ret);
