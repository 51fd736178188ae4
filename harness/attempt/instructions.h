/* SPDX-License-Identifier: Apache-2.0 */
/* instructions: private to attempt: how many instructions a job executes, where it has a limit of
 * them. What is over the limit is a matter of the count alone: a job that ended by itself is judged
 * by it too, so that looking late changes no verdict. */
#pragma once

#include "harness/attempt/limits_in_force.h"
#include "harness/cgroup/cgroup.h"

struct attempt;

struct instructions {
    struct cgroup_counter *counter; /* NULL: nothing is counted */
    uint64_t limit;
    uint64_t look_at; /* CLOCK_MONOTONIC, ns; LIMITS_NEVER */
};

/* Whether the job is to be counted, so that it must not begin before its counter. */
bool instructions_are_asked(const struct limits_view *v);
/* Counts from now on; the job has not begun. An attempt that cannot be counted fails. */
void instructions_begin(struct attempt *a);
/* Ends the job if it has executed more than it may. */
void instructions_check(struct attempt *a, uint64_t now);
/* Takes the last count, of a job whose commands have ended, and counts no longer. */
void instructions_end(struct attempt *a);
