/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_limits: private to attempt: the limits that the slot itself holds while a job runs (time,
 * CPU time, memory that the kernel does not count), what the kernel says of memory, and when to
 * look next. Not responsible for the arithmetic (limits_in_force.h, deadline.h), nor for the output
 * limit, which is passed as output comes (attempt_events.c). */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Returns the limits of the job and of the step that runs. */
struct limits_view attempt_limits(const struct attempt *a);
/* Checks the limits of CPU time, and sets when they could be reached at the soonest: they are
 * looked at again then, not at a fixed tick. */
void attempt_check_cpu(struct attempt *a, uint64_t now);
/* Notes whether the kernel killed for want of memory since this was asked last: then that is the
 * cause, and whose memory it was decides whose fault. */
bool attempt_note_oom(struct attempt *a);
/* Ends the attempt when the kernel has. */
void attempt_check_oom(struct attempt *a);
/* Returns for how long the groups around have held the slot back: a standstill_quota_fn. */
uint64_t attempt_held_back(void *data);
/* Notes that the job, or a step's beginning, gave a sign of life. */
void attempt_heard(struct attempt *a, uint64_t at_ns);
/* Does what is due now. */
void attempt_check_deadlines(struct attempt *a);
/* Returns when something is due next. */
uint64_t attempt_next_wake(const struct attempt *a);
/* Judges the limits by the final figures: one that was passed by a hair before its timer struck is
 * passed all the same. */
void attempt_settle_limits(struct attempt *a);
/* Judges a step that has ended by limits that are given twice: what took more than the first has
 * not been ended for it. */
void attempt_judge_step(struct attempt *a);
