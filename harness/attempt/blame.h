/* SPDX-License-Identifier: Apache-2.0 */
/* blame: private to attempt: whose doing a set-up step is that failed. What a job has made of its
 * own files, those of jobs that start from it, or its input, is never an error of the harness.
 * Pure. */
#pragma once

#include "harness/run/run.h"

/* Says whether a set-up step that failed is the job's doing; then `ret_evidence` says of what. */
bool blame_set_up(const struct run *run, const struct instance *instance,
                  const struct sandbox_event *event, char *ret_evidence, size_t size);
