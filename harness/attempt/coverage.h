/* SPDX-License-Identifier: Apache-2.0 */
/* coverage: private to attempt: how much of a program a job's tests have covered, by its own word.
 */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Finds the figure, once the job's output is in its logs; that there is none is a note. */
void coverage_collect(struct attempt *a, struct attempt_result *ret);
