/* SPDX-License-Identifier: Apache-2.0 */
/* unprivileged: private to prepare: what a run without all the rights of the host's root cannot
 * give a job. */
#pragma once

#include "harness/run/run.h"

/* Refuses, naming the job and the remedy, what this one asks for and cannot have here: other users
 * than there are ids, rlimits above hard ones that cannot be raised. With all rights, nothing is
 * refused. */
int unprivileged_check(const struct sandbox_privilege *privilege, const struct instance *in,
                       struct cupel_error *err);
/* Where the disks that jobs name are memory, *ret_bytes gets how much of that there is at all;
 * false where they are not. */
bool unprivileged_disk_space(const struct sandbox_privilege *privilege, uint64_t *ret_bytes);
