/* SPDX-License-Identifier: Apache-2.0 */
/* timeline: private to attempt: a bounded series of what a job used. Pure: who calls has the clock.
 */
#pragma once

#include "reports/reports.h"

/* However long a job runs, it has at most so many points: when they are used up, two become one and
 * the interval doubles. */
#define TIMELINE_MAX 512

struct timeline {
    uint64_t interval_ns; /* 0: none is wanted */
    uint64_t next_ns;     /* since the job's start: when the next point is due */
    size_t n;
    bool has_cpu, has_memory, has_pids;
    struct reports_point points[TIMELINE_MAX];
};

/* Starts an empty timeline. */
void timeline_start(struct timeline *t, uint64_t interval_ns);
/* Takes a point at p->at_ns. What is not known now (`has_…`) drops its column for good. */
void timeline_add(struct timeline *t, const struct reports_point *p, bool has_cpu, bool has_memory,
                  bool has_pids);
