/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_state: private to attempt: an attempt that is under way, as its parts (attempt*.c) share
 * it. */
#pragma once

#include "harness/attempt/attempt.h"
#include "harness/attempt/capture.h"
#include "harness/attempt/checker.h"
#include "harness/attempt/instructions.h"
#include "harness/attempt/limits_in_force.h"
#include "harness/attempt/observe.h"
#include "harness/attempt/pair.h"
#include "harness/attempt/ready.h"
#include "harness/attempt/services.h"
#include "harness/attempt/uncounted.h"

struct attempt {
    struct attempt_context *ctx;
    const struct instance *instance;
    const struct jobs_job *job;
    struct attempt_facts *facts;
    struct cgroup_job *cgroup;
    struct caches *caches; /* what it has restored; or NULL */
    struct sandbox_job sandbox;
    struct capture capture;
    struct forward forward; /* in place of logs, where the streams are the caller's */
    bool forwards;
    struct pair pair; /* where standard output goes as well, and input comes from another job */
    bool paired;
    struct interactor *interactor; /* what the other of the pair is, if it is one; or NULL */
    struct services *services;     /* that run beside it, or NULL */
    struct checker_output written; /* what a checker is to judge */
    bool has_sandbox;
    unsigned step; /* the one that runs */
    /* the next one has been let go, and has not yet said that it began: what it writes meanwhile is
     * not the last one's, whose bounds are no longer meant */
    bool between_steps;
    uint64_t ordered_ns;  /* when PID 1 was let go */
    uint64_t step_cpu_ns; /* CPU used before it started */
    /* when something was read of its output last, and how long we had stood still until then */
    uint64_t heard_ns, heard_still_ns;
    /* what is known of a standard output that is a file: how large it was at the last look, of how
     * many steps it was taken, and when it is looked at next */
    uint64_t file_size;
    unsigned file_steps;
    uint64_t file_look_at;
    uint64_t struck_at; /* the deadline that struck */
    /* moments of CLOCK_MONOTONIC, or LIMITS_NEVER: */
    uint64_t kill_at;      /* when SIGTERM's grace is over */
    uint64_t check_cpu_at; /* when the CPU limits are looked at next */
    uint64_t lift_at;      /* when what a step left behind may no longer be held back from ending */
    struct observer observer;
    unsigned leaks_counted; /* of so many steps, leaks are in the count */
    struct uncounted uncounted;
    struct instructions instructions;
    bool killed;
    /* only its commands: PID 1 is to say that it is quiet, and then `after` runs */
    bool ending;
    uint64_t end_by; /* then PID 1 is killed as well */
    bool forced;     /* whoever ended it waits for nothing, `after` included */
    /* nobody of the job is left but PID 1, which has nothing more to do than to end */
    bool quiet;
    bool pipe_open[2];
    bool control_open;
};
