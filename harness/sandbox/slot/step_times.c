/* SPDX-License-Identifier: Apache-2.0 */
/* step_times: when each set-up step of a job began and ended, by what slot, PID 1 and the first
 * command note in the memory that they share (--trace-setup). */
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/stage.h"

void sandbox_stage_trace(struct sandbox_stage *stage)
{
    if (stage->progress != NULL)
        stage->progress->traced = true;
}

/* Each of the three does its steps one after the other; the last one ends with the mark. */
static const struct {
    const char *where;
    enum setup_step first, last;
    unsigned mark;
} actors[] = {
    {"slot", SETUP_ID_MAP_LAYERS, SETUP_NETWORK, PROGRESS_SLOT_DONE},
    {"init", SETUP_DESCRIPTORS, SETUP_DISK, PROGRESS_INIT_DONE},
    {"command", SETUP_CONTROLLING_TERMINAL, SETUP_SECCOMP, SETUP_EXEC},
};

/* Sorts by when they began. */
static int by_began(const void *a, const void *b)
{
    const struct sandbox_step_time *x = a, *y = b;

    return x->began_ns < y->began_ns ? -1 : x->began_ns > y->began_ns;
}

size_t sandbox_step_times(const struct sandbox_job *job,
                          struct sandbox_step_time list[static SANDBOX_STEPS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; job->progress != NULL && i < ARRAY_SIZE(actors); i++) {
        const uint64_t *at = job->progress->at_ns;
        uint64_t end = at[actors[i].mark];

        for (size_t step = actors[i].last + 1; step-- > actors[i].first;) {
            if (at[step] == 0 || end == 0)
                continue;
            if (n < SANDBOX_STEPS_MAX)
                list[n++] = (struct sandbox_step_time){sandbox_step_name(step), actors[i].where,
                                                       at[step], end - at[step]};
            end = at[step];
        }
    }
    qsort(list, n, sizeof(*list), by_began);
    return n;
}
