/* SPDX-License-Identifier: Apache-2.0 */
/* excluded: private to sandbox; what of an input its `exclude` leaves out. */
#pragma once

#include "jobs/jobs.h"

#include <sys/stat.h>

struct sandbox_stage;

/* Lays whiteouts in the layer /hide/INPUT over all that matches in the input, of which `mount` is a
 * detached mount. *hides: whether that layer is there; it is made where it is not and is needed. */
int excluded_lay_over_input(struct sandbox_stage *s, size_t input, const struct jobs_globs *exclude,
                            int mount, bool *hides);
