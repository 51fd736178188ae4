/* SPDX-License-Identifier: Apache-2.0 */
/* networks: private to prepare: what the networks of a run's jobs take, before the first of them
 * starts. */
#pragma once

#include "harness/run/run.h"
#include "harness/run/run_options.h"

/* Refuses what the command line does not allow or this host does not have; finds pasta. */
int networks_check(struct run *run, const struct run_options *options, const struct instance *in,
                   struct cupel_error *err);
/* Makes the bridges that jobs of the run are on. */
int networks_open(struct run *run, struct cupel_error *err);
void networks_close(struct run *run);
