/* schedule: which job is next. Pure: no clock, no processes. Jobs are numbered 0..n-1; needs form no cycle. */
#pragma once

#include "base/base.h"

struct schedule;

struct schedule *schedule_new(size_t n);
void schedule_free(struct schedule *s);
/* `job` waits until `need` has passed. All needs are told before the first schedule_next. */
void schedule_add_need(struct schedule *s, size_t job, size_t need);
/* The lowest-numbered job that may start now, which then counts as started; false when there is none at the moment. */
bool schedule_next(struct schedule *s, size_t *ret_job);
/* A started job is to be run again: it is ready at once, and nobody who needs it hears of it. */
void schedule_again(struct schedule *s, size_t job);
/* The final outcome of a started job. When it did not pass, everything that needs it, directly or not, is called through
 * skip() with the need that is at fault, and counts as ended. */
typedef void schedule_skip_fn(void *data, size_t job, size_t because_of);
void schedule_ended(struct schedule *s, size_t job, bool passed, schedule_skip_fn *skip, void *data);
/* A job that will not start any more (cancelled run). Calls `each` for all that have neither started nor ended. */
void schedule_abandon(struct schedule *s, void (*each)(void *data, size_t job), void *data);
bool schedule_done(const struct schedule *s);
