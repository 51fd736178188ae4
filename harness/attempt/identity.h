/* SPDX-License-Identifier: Apache-2.0 */
/* identity: who the jobs' commands are, found out before anything runs. */
#pragma once

#include "harness/run/run.h"

/* Looks each selected job's user up in the passwd file of its root's own layers, into
 * instance->user. A name that the root does not have is an error of the job file. Once all roots
 * are ready, derived ones too. */
int identity_find_all(struct run *run, struct cupel_error *err);
/* Sets the mode of inputs that have to be copied instead of lent: without the host's rights,
 * directories that have to belong to another user than root. Called after identity_find_all. */
void identity_settle_inputs(struct run *run);
/* Returns the ids that were found and settled for an instance. */
struct sandbox_ids identity_ids(const struct instance *in);
