/* SPDX-License-Identifier: Apache-2.0 */
/* instances: which job of which plan is which instance of a run. */
#pragma once

#include "harness/run/run.h"

/* Fills in, for each job of the plan of instance `first`, which instance it is; INSTANCE_NONE where
 * it was not selected. Instances stand plan by plan: `first` is the plan's first one. */
void instances_of_plan(const struct run *run, size_t first, size_t *ret_instance_of);
/* Returns which one of the run's instances this is. */
size_t instances_number(const struct run *run, const struct instance *instance);
/* Returns the instance's job, to be completed by who prepares the run. */
struct jobs_job *instances_job(const struct instance *instance);
/* Lists the instances of whose snapshots this one's sandbox is made (jobs_reads): returns how many.
 */
size_t instances_read(const struct instance *all, size_t n_all, size_t instance,
                      size_t ret[static JOBS_READS_MAX]);
