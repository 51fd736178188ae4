/* SPDX-License-Identifier: Apache-2.0 */
/* schedule: which job is next. Pure: no clock, no processes. Jobs are numbered 0..n-1; needs form
 * no cycle. */
#pragma once

#include "base/base.h"

struct schedule;

struct schedule *schedule_new(size_t n);
void schedule_free(struct schedule *s);
/* After what `job` starts: `need` has passed or was allowed to fail; it has failed, or was skipped
 * because another had; it has ended anyhow, or will not start; it has passed. */
enum schedule_need {
    SCHEDULE_NEED_SUCCESS,
    SCHEDULE_NEED_FAILURE,
    SCHEDULE_NEED_ALWAYS,
    SCHEDULE_NEED_PASS,
};
/* `job` waits until `need` has ended so. All needs are told before the first schedule_next. */
void schedule_add_need(struct schedule *s, size_t job, size_t need, enum schedule_need when);
/* Makes a gate: no job, but what some jobs wait for in place of many others, so that n of them that
 * wait for m take n + m needs. It is passed once all that it needs has ended so; else who needs it
 * is skipped because of the job at fault. Returns its number, which stands for a job in
 * schedule_add_need alone, on either side. It needs something, in the end a job. Told before the
 * first schedule_next. */
size_t schedule_add_gate(struct schedule *s);
/* Makes these jobs start together: none before all their needs are met and as many slots are idle;
 * when one is skipped, so are they all. Each job is in one group at most; none of them needs
 * another. Told before the first schedule_next. */
void schedule_add_group(struct schedule *s, const size_t *jobs, size_t n);
/* Makes at most `max` (0: any number) of these jobs run at once; one that has to wait for that
 * holds up none of the others. With `fail_fast`, those of them that have never started are skipped
 * once one of them has not passed. Each job is in one pool at most, and then in no group. Told
 * before the first schedule_next. */
void schedule_add_pool(struct schedule *s, const size_t *jobs, size_t n, size_t max,
                       bool fail_fast);
/* Says that there are n places of something, of which each job that claims some has so many for
 * itself while it runs; returns their number. One that has to wait for them holds up only those
 * that want of the same: these come after it, so that one that wants many has its turn. A job's
 * claims are told in ascending order of those numbers, each for at most as many as there are; it is
 * in no group. Told before the first schedule_next. */
size_t schedule_add_places(struct schedule *s, uint64_t n);
void schedule_add_claim(struct schedule *s, size_t job, size_t places, uint64_t n);
/* What there is of things that jobs share (CPUs, memory, slots), and how much of each a job takes
 * while it runs. Jobs are admitted in their order: one for which there is not enough left waits,
 * and everything after it, so that it is not held up for ever; one that wants more than there is
 * runs alone. The costs are told before the first schedule_next, the stock whenever it has changed;
 * without, there is enough of everything. */
#define SCHEDULE_GOODS 3 /* those of attempt/goods.h, and slots */
void schedule_set_stock(struct schedule *s, const uint64_t stock[static SCHEDULE_GOODS]);
void schedule_set_cost(struct schedule *s, size_t job, const uint64_t cost[static SCHEDULE_GOODS]);
/* Says in which order jobs start that are ready at the same time: 0 before 1, each rank once;
 * without, by their numbers. Told before the first schedule_next. */
void schedule_set_ranks(struct schedule *s, const size_t *ranks);
/* The next job that may start now, which then counts as started: the lowest-ranked that is ready;
 * false when there is none at the moment, when there is not enough left for it, or when it is of a
 * group for which `idle` slots are too few, so that nothing that comes later holds it up for ever.
 * The rest of a group comes with the calls that follow. */
bool schedule_next(struct schedule *s, size_t idle, size_t *ret_job);
/* Returns how much of a thing would be taken if the job that is next ran beside those that run; 0
 * where none waits, or nothing runs. */
uint64_t schedule_next_wants(const struct schedule *s, size_t good);
/* Lists the jobs that schedule_next would give next if there were enough of everything, in order,
 * at most `max` of them: needs are met, and they are of no group. Returns how many those are. */
size_t schedule_upcoming(struct schedule *s, size_t *ret_list, size_t max);
/* Returns how many jobs have neither started nor ended. */
size_t schedule_waiting(const struct schedule *s);
/* A started job is to be run again: it is ready at once, and nobody who needs it hears of it. */
void schedule_again(struct schedule *s, size_t job);
/* The same, but not before schedule_release: until then it waits, and takes nothing of what jobs
 * share. */
void schedule_hold(struct schedule *s, size_t job);
void schedule_release(struct schedule *s, size_t job);
/* The same as schedule_again, but everything that is ready by now comes first. */
void schedule_repeat(struct schedule *s, size_t job);
/* A started job is to be run again with nothing else beside it: from its next start on, it waits
 * until nothing runs, and nothing starts while it runs. Told before schedule_again and its like. */
void schedule_set_alone(struct schedule *s, size_t job);
/* Whether such a job runs. */
bool schedule_is_lone(const struct schedule *s);
/* Whether any other job waits, or has waited, for how this one ends. */
bool schedule_is_needed(const struct schedule *s, size_t job);
enum schedule_outcome { SCHEDULE_FAILED, SCHEDULE_PASSED, SCHEDULE_ALLOWED };
/* The final outcome of a started job. Everything that needs another one of it, directly or not, is
 * called through skip() with the need that is at fault, and counts as ended. */
typedef void schedule_skip_fn(void *data, size_t job, size_t because_of);
void schedule_ended(struct schedule *s, size_t job, enum schedule_outcome outcome,
                    schedule_skip_fn *skip, void *data);
/* A job that will not start any more (cancelled run). Calls `each` for all that have neither
 * started nor ended. */
void schedule_abandon(struct schedule *s, void (*each)(void *data, size_t job), void *data);
bool schedule_done(const struct schedule *s);
