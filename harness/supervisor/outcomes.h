/* SPDX-License-Identifier: Apache-2.0 */
/* outcomes: private to supervisor: what becomes of a job when an attempt of it has ended, or it
 * never began: it is run again, it is reported, what needs it is skipped. At the end, the run's
 * reports. Not responsible for what a result says (attempt/results.h) nor for which job is next
 * (schedule.h). */
#pragma once

#include "harness/attempt/wire.h"
#include "harness/supervisor/supervisor_state.h"

/* Returns how often the job may be run again. */
/* How often the job may be started; 0: any number. */
unsigned outcomes_attempts_max(const struct supervisor *s, size_t instance);
/* Takes the result of an attempt from its slot. */
void outcomes_take(struct supervisor *s, struct wire_result *w);
/* Ends an attempt that came to nothing through no fault of the job's. */
void outcomes_unrun(struct supervisor *s, size_t instance, const char *evidence, unsigned attempts);
/* Ends a job that need not run, since it has ended before. */
void outcomes_cached(struct supervisor *s, size_t instance);
/* Ends a job of a run (`data`) that starts no more jobs. */
void outcomes_abandon(void *data, size_t job);
/* Makes room for the logs and artifacts of the job's next attempt. */
void outcomes_make_room(struct supervisor *s, size_t instance);
/* Gets ready for the reports at the end, while there is nothing else to do. */
void outcomes_expect(struct supervisor *s);
/* Writes the reports of the whole run; returns the first error in writing any. */
int outcomes_report(struct supervisor *s, struct cupel_error *err);
/* Returns the program's exit code. */
int outcomes_exit_code(const struct supervisor *s);
