/* SPDX-License-Identifier: Apache-2.0 */
/* instructions: see instructions.h. Counting itself is cgroup/counter.c's. */
#include "harness/attempt/instructions.h"

#include "harness/attempt/attempt_end.h"
#include "harness/attempt/attempt_limits.h"
#include "harness/attempt/attempt_state.h"

/* What a processor executes at most in a nanosecond, about: looks come ever closer, and the last
 * of them not long after the limit. */
#define MOST_A_NS 16
#define LOOK_MIN_NS NSEC_PER_MSEC
#define LOOK_MAX_NS (100 * NSEC_PER_MSEC)

bool instructions_are_asked(const struct limits_view *v)
{
    return limits_enforced(v, v->job, JOBS_LIMIT_INSTRUCTIONS);
}

void instructions_begin(struct attempt *a)
{
    struct limits_view v = attempt_limits(a);
    struct cupel_error err;

    a->instructions = (struct instructions){.look_at = LIMITS_NEVER};
    if (!instructions_are_asked(&v) || a->cgroup == NULL)
        return;
    a->instructions.limit = v.job->value[JOBS_LIMIT_INSTRUCTIONS];
    if (cgroup_counter_open(a->cgroup, &a->instructions.counter, &err) < 0)
        attempt_fail(a, &err);
    else
        a->instructions.look_at = clock_monotonic_ns() + LOOK_MIN_NS;
}

/* Reads the count into the facts; one that was lost is no count, and fails the attempt. */
static bool take_count(struct attempt *a)
{
    uint64_t counted;
    int r = cgroup_counter_read(a->instructions.counter, &counted);
    struct cupel_error err;

    if (r == 0) {
        a->facts->has_instructions = true;
        a->facts->instructions = counted;
        return true;
    }
    a->facts->has_instructions = false;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r,
                          "the count of the job's instructions was lost");
    cupel_error_hint(&err, "something else uses the processor's counters (perf, a watchdog: the "
                           "sysctl kernel.nmi_watchdog): stop it, and run the job again");
    attempt_fail(a, &err);
    return false;
}

void instructions_check(struct attempt *a, uint64_t now)
{
    struct instructions *i = &a->instructions;
    struct limits_view v = attempt_limits(a);
    uint64_t wait;

    if (now < i->look_at)
        return;
    i->look_at = LIMITS_NEVER;
    if (!take_count(a))
        return;
    if (a->facts->instructions > i->limit) {
        attempt_note_cause(a, CAUSE_INSTRUCTIONS, false);
        attempt_kill(a);
        return;
    }
    wait = limits_cpu_lasts(&v, (i->limit - a->facts->instructions) / MOST_A_NS, a->ctx->run->cpus);
    i->look_at = now + (wait < LOOK_MIN_NS ? LOOK_MIN_NS : wait > LOOK_MAX_NS ? LOOK_MAX_NS : wait);
}

void instructions_end(struct attempt *a)
{
    struct instructions *i = &a->instructions;
    bool first = a->facts->cause == CAUSE_NONE;

    if (i->counter == NULL)
        return;
    if (take_count(a) && a->facts->instructions > i->limit && first) {
        attempt_note_cause(a, CAUSE_INSTRUCTIONS, false);
        a->facts->cause_afterwards = true;
    }
    cgroup_counter_close(i->counter);
    *i = (struct instructions){.look_at = LIMITS_NEVER};
}
