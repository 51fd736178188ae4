/* SPDX-License-Identifier: Apache-2.0 */
/* git_inputs: private to prepare; the lists of what `git` leaves of inputs, and the
 * times that `mtime` gives them. */
#pragma once

#include "harness/prepare/prepare.h"

/* Asks git once for each directory, and gives the answer to all inputs that want it: of jobs, of
 * services, and of the roots that are made for them. What comes up later is on no list. */
int git_inputs_list(struct run *run, struct cupel_error *err);
void git_inputs_free(struct run *run);
