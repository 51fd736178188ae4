/* SPDX-License-Identifier: Apache-2.0 */
/* kept_verdicts: what cases, and what they are made by, have come to is kept, and not made anew as
 * long as nothing changes that it depends on (`cupel run --reuse`). */
#pragma once

#include "harness/prepare/prepare.h"

/* Makes the keys of those that may be kept, and looks for what is. Every root and input is there by
 * now. */
int kept_verdicts_find(struct prepared *p, const struct run_options *options,
                       struct cupel_error *err);
void kept_verdicts_free(struct run *run);
