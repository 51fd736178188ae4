/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: private to supervisor: which job goes to which slot, and which slot prepares which job
 * ahead of its order. Not responsible for which job is next (schedule.h). */
#pragma once

#include "harness/supervisor/supervisor_state.h"

/* Gives jobs to slots as long as there are any that may start; slots that are left over prepare
 * those that would be next. Ends the jobs that have not started when no more are to. */
void dispatch(struct supervisor *s);
/* Takes the leave of a slot that is dead, or no longer to be believed. */
void dispatch_bury(struct supervisor *s, size_t number);
