/* SPDX-License-Identifier: Apache-2.0 */
/* deadline: private to attempt: which moment ends an attempt, from the order to set up to the end
 * of its last process. Pure. */
#pragma once

#include "harness/attempt/facts.h"
#include "harness/attempt/limits_in_force.h"

enum deadline_kind {
    DEADLINE_NONE,
    DEADLINE_WALL,   /* the job's or a step's wall limit */
    DEADLINE_IDLE,   /* the job's or a step's limit of silence */
    DEADLINE_SET_UP, /* nothing of the job has run, and should have by now */
    DEADLINE_LINGER, /* the last command has ended, and PID 1 should have by now */
};
struct deadline {
    uint64_t at; /* CLOCK_MONOTONIC, ns; LIMITS_NEVER */
    enum deadline_kind kind;
    unsigned step; /* which is running, or being set up */
    bool of_step;  /* the limit is the step's own */
    bool set_up;   /* the step is being set up */
};

/* How long PID 1 may take to end after the last command. */
#define DEADLINE_LINGER_NS (10 * NSEC_PER_SEC)

/* `step`: the last one that was started; `ordered_ns`: when PID 1 was told to go on; `copying_ns`:
 * what of its set-up is copying may take (sandbox.h); `heard_ns`: when it wrote last, or 0. Between
 * two steps the job's wall limit goes on, and that of the next step counts from the end of the one
 * before: so there is no moment without. Silence counts while a command runs. */
struct deadline deadline_next(const struct jobs_job *job, const struct attempt_facts *facts,
                              uint32_t unenforced, unsigned step, uint64_t ordered_ns,
                              uint64_t copying_ns, uint64_t heard_ns);
