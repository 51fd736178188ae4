/* SPDX-License-Identifier: Apache-2.0 */
/* footprint: private to attempt: what a job's memory is made of while it runs, and whether it
 * thrashes. Looks are the observer's (observe.h); judges nothing. */
#pragma once

#include "harness/attempt/facts.h"

/* So many major faults between two looks, on pages that the group has had before, are thrashing:
 * one every 20 ms, each of which takes a read from the disk. */
#define FOOTPRINT_THRASHING_FAULTS 5u
/* Of its limit, in percent: what is below has room, and its faults are not the limit's doing. */
#define FOOTPRINT_FULL_PERCENT 90u

/* Less than this is not looked at when a command has ended: most have left nothing. */
#define FOOTPRINT_LEFT_MIN ((uint64_t)1 << 20)

struct footprint {
    uint64_t at_ns; /* of the last look; 0: there was none */
    uint64_t faults, refaults, reclaims;
};

/* A look at the running job. `memory_limit` is UINT64_MAX where it has none. */
void footprint_look(struct footprint *p, const struct cgroup_job *cgroup, uint64_t memory_limit,
                    uint64_t now, struct attempt_facts *facts);
/* Looks only at what its memory is made of: between looks. */
void footprint_glance(const struct cgroup_job *cgroup, struct attempt_facts *facts);
/* Does the same when a command has ended, whose own memory is gone: what it has left in shared
 * memory, or to processes of its own. */
void footprint_command_ended(const struct cgroup_job *cgroup, struct attempt_facts *facts);
/* Takes the last count once the job has ended, where there was a look before. */
void footprint_end(const struct footprint *p, const struct cgroup_job *cgroup,
                   struct attempt_facts *facts);
