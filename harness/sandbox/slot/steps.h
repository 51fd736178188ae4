/* SPDX-License-Identifier: Apache-2.0 */
/* steps: private to sandbox; what the set-up steps are called, and what can make them fail. */
#pragma once

#include "base/base.h"
#include "harness/sandbox/init/setup_step.h"

/* Returns which step the tests asked to fail (CUPEL_FAULT=name, only with CUPEL_FAULT_INJECTION),
 * or -1. */
int steps_fault(void); /* enum setup_step or -1 */

/* Makes *err say that this step failed, on what (or NULL) and why: returns -errnum. */
int steps_error(struct cupel_error *err, enum setup_step step, int errnum, const char *detail);

/* Puts that before what *err says already. */
void steps_name(struct cupel_error *err, enum setup_step step);

/* Tells what can have made this step fail so: bits of enum sandbox_cause; 0: the machine or the
 * harness alone. */
unsigned steps_causes(size_t step, int errnum);
