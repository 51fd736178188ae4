/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_events: private to attempt: what comes from the sandbox while a job runs: its output, and
 * what PID 1 says. */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Takes what stands in a pipe: 0, the standard output; 1, standard error. */
/* Bounds the output by what the limits leave in the step that is under way. */
void attempt_bound_output(struct attempt *a);
void attempt_take_output(struct attempt *a, int which);
/* Acts on what pair_poll has waited for. */
void attempt_serve_pair(struct attempt *a, const struct pollfd fds[static PAIR_POLLS]);
/* Notes whether step `step` has read of its standard input, of what is known so far: once nothing
 * of it runs any more, and before it is judged. */
void attempt_note_input(struct attempt *a, unsigned step);
/* Takes all that stands in both pipes. */
void attempt_drain_output(struct attempt *a);
/* Takes what a step that has ended left in the file that is its standard output; once. */
void attempt_take_file(struct attempt *a, unsigned step);
/* Takes output from the job's terminal, once it is there: what the caller of `cupel exec` sees, or
 * what `tty` says. */
void attempt_use_terminal(struct attempt *a);
/* Acts on each event that PID 1 has sent. */
void attempt_receive_events(struct attempt *a);
