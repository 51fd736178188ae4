/* SPDX-License-Identifier: Apache-2.0 */
/* deadline: see deadline.h. */
#include "harness/attempt/deadline.h"

#include "base/weaken.h"
#include "harness/sandbox/sandbox.h"

#define WEAKENED_NS (4 * NSEC_PER_SEC)

static uint64_t later(uint64_t from, uint64_t by)
{
    uint64_t sum;

    return __builtin_add_overflow(from, by, &sum) ? LIMITS_NEVER : sum;
}

/* A job without a wall limit has all the time there is, for its set-up too. */
static struct deadline of_first_set_up(const struct limits_view *v, uint64_t ordered_ns)
{
    struct deadline d = {.at = LIMITS_NEVER, .set_up = true};

    if (!limits_enforced(v, v->job, JOBS_LIMIT_WALL))
        return d;
    d.at = later(later(ordered_ns, v->job->value[JOBS_LIMIT_WALL]), SANDBOX_SET_UP_NS);
    d.kind = DEADLINE_SET_UP;
    return d;
}

static struct deadline of_wall(const struct limits_view *v, unsigned step, bool set_up)
{
    struct deadline d = {.step = step, .set_up = set_up};

    d.at = limits_wall_kill(v, &d.of_step);
    d.kind = d.at != LIMITS_NEVER ? DEADLINE_WALL : DEADLINE_NONE;
    return d;
}

/* Returns whichever comes first while a command runs. */
static struct deadline of_command(const struct limits_view *v, unsigned step)
{
    struct deadline wall = of_wall(v, step, false), idle = {.kind = DEADLINE_IDLE, .step = step};

    idle.at = limits_idle_deadline(v, &idle.of_step);
    return idle.at < wall.at ? idle : wall;
}

struct deadline deadline_next(const struct jobs_job *job, const struct attempt_facts *facts,
                              uint32_t unenforced, unsigned step, uint64_t ordered_ns,
                              uint64_t copying_ns, uint64_t heard_ns)
{
    const struct step_facts *s = &facts->steps[step];
    struct limits_view v = {.job = &job->limits,
                            .step = &job->steps[step].limits,
                            .unenforced = unenforced,
                            .job_started_ns = facts->started_ns,
                            .step_started_ns = s->started ? s->started_ns : 0,
                            .heard_ns = heard_ns};
    size_t next;

    if (facts->started_ns == 0)
        return of_first_set_up(&v, later(ordered_ns, copying_ns));
    if (!s->ended)
        return of_command(&v, step);
    next = facts_next_step(facts, step);
    if (next == facts->n_steps)
        return (struct deadline){
            .at = later(s->ended_ns, DEADLINE_LINGER_NS), .kind = DEADLINE_LINGER, .step = step};
    v.step = &job->steps[next].limits;
    v.step_started_ns = s->ended_ns;
    if (weakened("step-gaps")) /* and even then the self-test is to come to an end */
        v.job_started_ns = v.step_started_ns += WEAKENED_NS;
    return of_wall(&v, (unsigned)next, true);
}
