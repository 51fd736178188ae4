/* SPDX-License-Identifier: Apache-2.0 */
/* limits_in_force: what a job's limits and a step's own, taken together, leave at a moment. Pure
 * arithmetic. */
#pragma once

#include "jobs/jobs.h"

#define LIMITS_NEVER UINT64_MAX
#define LIMITS_OUTPUT_DEFAULT                                                                      \
    (UINT64_C(1) << 30) /* nothing that a job does fills the host's disk */

struct limits_view {
    const struct jobs_limits *job;
    const struct jobs_limits *step;
    uint32_t unenforced;      /* bits of enum jobs_limit that --best-effort let go */
    uint64_t job_started_ns;  /* 0: nothing has run yet */
    uint64_t step_started_ns; /* 0: not yet */
    uint64_t heard_ns;        /* when something was read of its output last; 0: not yet */
    uint64_t step_cpu_ns;     /* CPU time used before the step */
    uint64_t step_output[2];  /* standard output and error before the step */
};

/* The limit as a job asks for it, be it only in a step. */
bool limits_asked(const struct jobs_job *job, enum jobs_limit which);
/* Whether a limit is given and not let go. */
bool limits_enforced(const struct limits_view *v, const struct jobs_limits *l,
                     enum jobs_limit which);
/* Tell what job and step leave, whichever is tighter: when wall time is over (CLOCK_MONOTONIC, ns),
 * how much CPU time is left of `used_ns`. LIMITS_NEVER without a limit.
 * *ret_of_step tells whose it is. */
uint64_t limits_wall_deadline(const struct limits_view *v, bool *ret_of_step);
uint64_t limits_cpu_left(const struct limits_view *v, uint64_t used_ns, bool *ret_of_step);
/* The same of what ends the job, where a limit is given twice: no earlier. */
uint64_t limits_wall_kill(const struct limits_view *v, bool *ret_of_step);
uint64_t limits_cpu_kill_left(const struct limits_view *v, uint64_t used_ns, bool *ret_of_step);
/* Whether a limit of time is given twice, by the job or the step. */
bool limits_are_twice(const struct limits_view *v);
/* The same for silence: from the last output, or the step's start where that came later. */
uint64_t limits_idle_deadline(const struct limits_view *v, bool *ret_of_step);
/* How much output there may be from the job's start, by JOBS_LIMIT_OUTPUT (both streams, never
 * without a limit), _STDOUT or _STDERR. */
uint64_t limits_output(const struct limits_view *v, enum jobs_limit which, bool *ret_of_step);
/* How much a file has to hold that is the standard output of any of a job's steps; 0: none is. */
uint64_t limits_output_file(const struct jobs_job *job);
/* How long `left_ns` of CPU time lasts at least: spread over all the cores that the job may use. */
uint64_t limits_cpu_lasts(const struct limits_view *v, uint64_t left_ns, unsigned cpus);
/* How close to a limit of time is near. */
#define LIMITS_NEAR_PERCENT 10u
/* Whether a verdict about the job's limit `which` (wall or cpu-time) may be another one on a quiet
 * machine: the job ended by itself (it has a `kill` beyond the limit) after at most
 * LIMITS_NEAR_PERCENT more than the limit; or it was ended, and `under_pressure`. */
bool limits_are_worth_again(const struct jobs_job *job, enum jobs_limit which, uint64_t used_ns,
                            bool under_pressure);
