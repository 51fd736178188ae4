/* SPDX-License-Identifier: Apache-2.0 */
/* run_instances: which jobs a run has, with their services, and of whose files each is made.
 * Private to prepare. */
#pragma once

#include "harness/prepare/prepare.h"

/* Makes run->instances of the jobs that are selected, with their names and the numbers of their
 * roots and bridges. */
void run_instances_make(const struct run_options *o, struct run *run);
