/* SPDX-License-Identifier: Apache-2.0 */
/* spared: of the jobs that need not run, since what they come to is known, those run all the same
 * of whose files one is made that does run. */
#pragma once

#include "harness/supervisor/supervisor_state.h"

/* Unmarks them (`found` of run->cached), and tells whoever asked how many are left. */
void spared_settle(struct supervisor *s);
