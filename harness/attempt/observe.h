/* SPDX-License-Identifier: Apache-2.0 */
/* observe: looks at a running job from outside, a few times a second, at a bounded cost: the
 * timeline, the peak of its disk, what the console shows, how long its threads waited for a CPU,
 * what else the machine did. Holds no limit and ends nothing. */
#pragma once

#include "harness/attempt/attempt.h"
#include "harness/attempt/facts.h"
#include "harness/attempt/footprint.h"

/* So many threads are asked how long they waited; more would cost more than a look may. */
#define OBSERVE_THREADS_MAX 64

/* What the memory of a job that may be short is made of is looked at so often before the first
 * look, each time after twice as long: a glance costs some 30 us. */
#define OBSERVE_GLANCES 4
#define OBSERVE_GLANCE_NS (8 * NSEC_PER_MSEC)

struct observer {
    struct attempt_context *ctx;
    const struct cgroup_job *cgroup;
    const struct sandbox_job *sandbox;
    struct attempt_facts *facts;
    uint64_t look_at;
    unsigned glances; /* of the first OBSERVE_GLANCES, so many are behind */
    uint64_t disk_at; /* the disk is looked at more often when it may be full soon */
    struct pressure_look before;
    struct waiting {
        pid_t thread;
        uint64_t ns;
        int inside;                 /* its number in the job; 0: not known, -1: not asked yet */
    } waiting[OBSERVE_THREADS_MAX]; /* as seen last */
    size_t n_waiting;
    uint64_t waited_ns;    /* of threads that are gone */
    uint64_t memory_limit; /* UINT64_MAX: none */
    struct footprint footprint;
};

/* Opens, once for the slot, what all its jobs are looked at through. */
void observe_open(struct attempt_context *ctx);
/* The job has been cloned; nothing of it need run yet. All pointers are borrowed until observe_end.
 */
void observe_begin(struct observer *o, struct attempt_context *ctx, const struct cgroup_job *cgroup,
                   const struct sandbox_job *sandbox, const struct jobs_job *job,
                   struct attempt_facts *facts);
/* The job was let go, which waits for nothing: what of the machine is looked at for comparison. */
void observe_went(struct observer *o);
/* Returns when observe_tick has something to do next (CLOCK_MONOTONIC, ns). */
uint64_t observe_next(const struct observer *o);
void observe_tick(struct observer *o, uint64_t now);
/* The number in the job of a thread that was there at the last look, 0 if that is not known. */
int observe_pid_inside(const struct observer *o, pid_t thread);
/* Takes the last figures, when nothing of the job runs any more. */
void observe_end(struct observer *o);
