/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: a plan becomes results. One event loop decides order, cancellation and reports;
 * long-lived slots do the blocking kernel work of one job at a time, including its deadlines
 * (docs/internals.md says why there). */
#pragma once

#include "harness/run/run_options.h"

/* Runs what is selected and writes the reports. 0 and the program's exit code (0, 1, 3, 130), or an
 * error before anything ran: a limit that this host cannot hold, a root that cannot be made, no
 * rights, an unwritable out directory.
 */
int supervisor_run(const struct run_options *options, int *ret_exit, struct cupel_error *err);
