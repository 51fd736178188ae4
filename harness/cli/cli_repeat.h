/* SPDX-License-Identifier: Apache-2.0 */
/* cli_repeat: `cupel run --repeat`: which of the chosen jobs can run several times. */
#pragma once

#include "jobs/jobs.h"

/* Refuses jobs on a bridge, whose neighbours would be gone, and says which jobs run once because
 * others of the run wait for them. 0, or the exit code after the error was printed. */
int cli_repeat_check(struct jobs_plan *const *plans, bool *const *selected, size_t n);
