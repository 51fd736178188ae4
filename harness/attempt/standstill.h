/* SPDX-License-Identifier: Apache-2.0 */
/* standstill: private to attempt: whether the slot itself was kept from running, by a signal or a
 * frozen container, while it should have looked after a job; and whether the machine slept. Not a
 * busy machine: a slot that waits for a CPU is ready to run, and the kernel counts that apart. */
#pragma once

#include "base/base.h"

/* Less than that is no standstill. */
#define STANDSTILL_MIN_NS (500 * NSEC_PER_MSEC)

struct standstill {
    /* kept open by the slot; -EBADF: the kernel does not tell, and nothing is found out */
    int schedstat;
    uint64_t waited_ns;    /* for a CPU, at the last look */
    uint64_t asleep_ns;    /* of the machine, since it booted, when the job began */
    uint64_t total_ns;     /* how long the slot stood still since standstill_begin */
    uint64_t held_back_ns; /* by the CPU quota of a group around, as told so far */
};

void standstill_open(struct standstill *s);
void standstill_begin(struct standstill *s);
/* Looks; called often enough that little is waited in between. */
void standstill_look(struct standstill *s);
/* The slot was to wake at `due_ns` at the latest, and has woken: how late is too late is found out
 * here. `held_back_ns` is asked only then, and is the time since standstill_begin for which a quota
 * held the slot back. */
typedef uint64_t standstill_quota_fn(void *data);
void standstill_woke(struct standstill *s, uint64_t due_ns, uint64_t now_ns,
                     standstill_quota_fn *held_back_ns, void *data);
/* Returns for how long the machine was suspended since standstill_begin: CLOCK_MONOTONIC, by which
 * limits are held, stood still. */
uint64_t standstill_suspended(const struct standstill *s);
/* The pure part: what of being `late_ns` late neither waiting for a CPU nor a quota explains; 0 for
 * little. */
uint64_t standstill_unexplained(uint64_t late_ns, uint64_t waited_ns, uint64_t held_back_ns);
