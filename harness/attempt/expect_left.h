/* SPDX-License-Identifier: Apache-2.0 */
/* expect_left: files that a job left against what its file expects of them. */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Whether something that the job left is expected to be as the job file says. */
bool expect_left_asks(const struct jobs_job *job);
/* Looks at them, if the job has passed so far, and judges it anew where one is not as it should be.
 * Called when nothing of the job runs any more. */
void expect_left_check(struct attempt *a, struct attempt_result *ret);
