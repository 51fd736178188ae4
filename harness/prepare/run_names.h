/* SPDX-License-Identifier: Apache-2.0 */
/* run_names: private to prepare: what the jobs of a run are called in its reports and on disk. */
#pragma once

#include "harness/prepare/prepare.h"

/* Fills id, log_name and step_ids of all instances, and run->root_log_names. No two jobs or steps
 * of the run have one id, no two jobs or derived roots one log_name, however many files it has and
 * whatever its --only leaves out: names are made over all jobs of the files. */
void run_names_make(const struct run_options *options, struct run *run);
