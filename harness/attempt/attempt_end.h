/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_end: private to attempt: how a running attempt is ended, and what is written down as the
 * cause. Not responsible for when: attempt_limits.h, attempt_events.h. */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Notes why the attempt ends; the first cause in time wins. `of_step`: the limit was the step's. */
void attempt_note_cause(struct attempt *a, enum attempt_cause cause, bool of_step);
/* Kills every process of the job. */
void attempt_kill(struct attempt *a);
/* Sends SIGTERM, and SIGKILL when the grace is over. */
void attempt_terminate(struct attempt *a);
/* Finds whose an error is: the submission's where it is one of input, else the harness's. Where
 * submissions are judged, what the author of the job file trusts is not the submission's. */
enum attempt_cause attempt_cause_of(const struct attempt *a, const struct cupel_error *err);
/* Ends the attempt by an error, which is whose attempt_cause_of says. */
void attempt_fail(struct attempt *a, const struct cupel_error *err);
/* Fails an attempt of which data was lost. That outranks whatever came of it: neither a pass nor a
 * failure can be believed. */
void attempt_check_losses(struct attempt *a);
/* Tells whether the supervisor wants no more copying from the context `data` of a finished job:
 * that may take long, and there is no job left to wait for. The first Ctrl-C lets it go on, the
 * second does not. */
bool attempt_is_stopped(void *data);
