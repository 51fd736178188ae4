/* SPDX-License-Identifier: Apache-2.0 */
/* excluded: private to sandbox; what of an input its `exclude` and `git` leave out. */
#pragma once

#include "jobs/jobs.h"

#include <sys/stat.h>

struct sandbox_stage;

/* Lays whiteouts in the layer /hide/INPUT over all that is left out of the input, of which `mount`
 * is a detached mount. *hides: whether that layer is there; it is made where it is not and is
 * needed. */
int excluded_lay_over_input(struct sandbox_stage *s, size_t input, const struct jobs_input *in,
                            int mount, bool *hides);
