/* SPDX-License-Identifier: Apache-2.0 */
/* expect: what a step wrote against what its file expects. */
#pragma once

#include "harness/attempt/capture.h"
#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* Compares what the step wrote (in the logs) with what is expected; fills facts->output_differs and
 * ->difference. */
int expect_check(const struct jobs_step *step, const struct capture *capture,
                 struct step_facts *facts, struct cupel_error *err);
