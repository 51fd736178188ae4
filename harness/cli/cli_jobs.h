/* SPDX-License-Identifier: Apache-2.0 */
/* cli_jobs: prints the jobs of a plan, in an order in which they can run. Private to
 * harness/cli/. */
#pragma once

#include "jobs/jobs.h"

#include <jansson.h>

/* Prints name and description of each selected job, one a line. */
void cli_jobs_print(const struct jobs_ids *ids, const struct jobs_plan *plan, const bool *selected);
/* Appends an object for each of them. */
void cli_jobs_add_json(const struct jobs_plan *plan, const bool *selected, json_t *list);
