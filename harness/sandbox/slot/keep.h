/* SPDX-License-Identifier: Apache-2.0 */
/* keep: private to sandbox; what a kept job wrote, in the stage. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* Makes /kept of the stage the disk of a kept job, read-only and id-mapped into this stage's range.
 * Once a stage. */
int stage_attach_kept(struct sandbox_stage *s, const struct sandbox_kept *kept,
                      struct cupel_error *err);
/* Returns a detached mount of what is kept, as it is: a disk, or where there was none, a directory.
 */
int keep_mount(const struct sandbox_stage *s, int image, bool *ret_is_disk,
               struct cupel_error *err);
