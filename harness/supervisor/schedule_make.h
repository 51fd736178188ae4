/* SPDX-License-Identifier: Apache-2.0 */
/* schedule_make: what a run says of its jobs (needs, bridges, pools, what they have for themselves
 * and of the machine, their order), as the schedule takes it. */
#pragma once

#include "harness/supervisor/supervisor_state.h"

/* Makes a schedule of what jobs wait for of one another, and nothing else. */
struct schedule *schedule_of_needs(const struct run *run);
/* Makes s->schedule. */
void schedule_make(struct supervisor *s);
/* Tells the schedule what there is by now. */
void schedule_set_goods(struct supervisor *s);
