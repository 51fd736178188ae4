/* SPDX-License-Identifier: Apache-2.0 */
/* test_results: private to attempt: the results of a job's own tests, which it wrote into files. */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Reads them, once the job is judged by all else, and judges it anew where they fail it. */
void test_results_collect(struct attempt *a, struct attempt_result *ret);
