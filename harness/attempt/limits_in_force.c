/* SPDX-License-Identifier: Apache-2.0 */
/* limits_in_force: see limits_in_force.h. */
#include "harness/attempt/limits_in_force.h"

bool limits_asked(const struct jobs_job *job, enum jobs_limit which)
{
    bool asked = jobs_limit_is_set(&job->limits, which);

    for (size_t i = 0; !asked && i < job->n_steps; i++)
        asked = jobs_limit_is_set(&job->steps[i].limits, which);
    return asked;
}

bool limits_enforced(const struct limits_view *v, const struct jobs_limits *l,
                     enum jobs_limit which)
{
    return jobs_limit_is_set(l, which) && !((v->unenforced >> which) & 1u);
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? LIMITS_NEVER : sum;
}

/* The limit, or with `hard` what ends the job; enforced. */
static uint64_t value_of(const struct jobs_limits *l, enum jobs_limit which, bool hard)
{
    enum jobs_limit kill = hard ? jobs_limit_kill_of(which) : JOBS_LIMIT_COUNT;

    return l->value[kill != JOBS_LIMIT_COUNT && jobs_limit_is_set(l, kill) ? kill : which];
}

/* The smaller of what the job's limit allows, counted from `job_from`, and the step's, from
 * `step_from`. */
static uint64_t tighter(const struct limits_view *v, enum jobs_limit which, bool hard,
                        uint64_t job_from, uint64_t step_from, bool *ret_of_step)
{
    uint64_t at = LIMITS_NEVER;

    *ret_of_step = false;
    if (limits_enforced(v, v->job, which))
        at = saturating_add(job_from, value_of(v->job, which, hard));
    if (limits_enforced(v, v->step, which)) {
        uint64_t step_at = saturating_add(step_from, value_of(v->step, which, hard));

        if (step_at < at) {
            at = step_at;
            *ret_of_step = true;
        }
    }
    return at;
}

static uint64_t wall(const struct limits_view *v, bool hard, bool *ret_of_step)
{
    *ret_of_step = false;
    if (v->job_started_ns == 0)
        return LIMITS_NEVER;
    return tighter(v, JOBS_LIMIT_WALL, hard, v->job_started_ns,
                   v->step_started_ns != 0 ? v->step_started_ns : LIMITS_NEVER, ret_of_step);
}

uint64_t limits_wall_deadline(const struct limits_view *v, bool *ret_of_step)
{
    return wall(v, false, ret_of_step);
}

uint64_t limits_wall_kill(const struct limits_view *v, bool *ret_of_step)
{
    return wall(v, true, ret_of_step);
}

uint64_t limits_idle_deadline(const struct limits_view *v, bool *ret_of_step)
{
    uint64_t from = v->heard_ns > v->step_started_ns ? v->heard_ns : v->step_started_ns;

    *ret_of_step = false;
    if (v->step_started_ns == 0)
        return LIMITS_NEVER;
    return tighter(v, JOBS_LIMIT_IDLE, false, from, from, ret_of_step);
}

static uint64_t cpu_left(const struct limits_view *v, bool hard, uint64_t used_ns,
                         bool *ret_of_step)
{
    uint64_t allowed = tighter(v, JOBS_LIMIT_CPU_TIME, hard, 0, v->step_cpu_ns, ret_of_step);

    if (allowed == LIMITS_NEVER)
        return LIMITS_NEVER;
    return used_ns < allowed ? allowed - used_ns : 0;
}

uint64_t limits_cpu_left(const struct limits_view *v, uint64_t used_ns, bool *ret_of_step)
{
    return cpu_left(v, false, used_ns, ret_of_step);
}

uint64_t limits_cpu_kill_left(const struct limits_view *v, uint64_t used_ns, bool *ret_of_step)
{
    return cpu_left(v, true, used_ns, ret_of_step);
}

bool limits_are_twice(const struct limits_view *v)
{
    const uint32_t kills = 1u << JOBS_LIMIT_WALL_KILL | 1u << JOBS_LIMIT_CPU_TIME_KILL;

    return ((v->job->set | v->step->set) & kills) != 0;
}

uint64_t limits_output(const struct limits_view *v, enum jobs_limit which, bool *ret_of_step)
{
    uint64_t before = which == JOBS_LIMIT_STDOUT   ? v->step_output[0]
                      : which == JOBS_LIMIT_STDERR ? v->step_output[1]
                                                   : v->step_output[0] + v->step_output[1];
    uint64_t limit = tighter(v, which, false, 0, before, ret_of_step);

    return limit == LIMITS_NEVER && which == JOBS_LIMIT_OUTPUT ? LIMITS_OUTPUT_DEFAULT : limit;
}

uint64_t limits_output_file(const struct jobs_job *job)
{
    uint64_t most = LIMITS_OUTPUT_DEFAULT;

    if (job->capture != JOBS_CAPTURE_FILE)
        return 0;
    if (jobs_limit_is_set(&job->limits, JOBS_LIMIT_OUTPUT))
        most = job->limits.value[JOBS_LIMIT_OUTPUT];
    for (size_t i = 0; i < job->n_steps; i++) {
        const struct jobs_limits *of_step = &job->steps[i].limits;

        if (jobs_limit_is_set(of_step, JOBS_LIMIT_OUTPUT) &&
            of_step->value[JOBS_LIMIT_OUTPUT] > most)
            most = of_step->value[JOBS_LIMIT_OUTPUT];
    }
    return most > 0 ? most : 1;
}

uint64_t limits_cpu_lasts(const struct limits_view *v, uint64_t left_ns, unsigned cpus)
{
    uint64_t millicores = cpus * UINT64_C(1000);

    if (limits_enforced(v, v->job, JOBS_LIMIT_CPU) && v->job->value[JOBS_LIMIT_CPU] < millicores)
        millicores = v->job->value[JOBS_LIMIT_CPU];
    return (uint64_t)((unsigned __int128)left_ns * 1000 / (millicores != 0 ? millicores : 1));
}

bool limits_are_worth_again(const struct jobs_job *job, enum jobs_limit which, uint64_t used_ns,
                            bool under_pressure)
{
    enum jobs_limit kill = jobs_limit_kill_of(which);
    const struct jobs_limits *l = &job->limits;

    if (!jobs_limit_is_set(l, which) || used_ns < l->value[which])
        return false;
    if (kill == JOBS_LIMIT_COUNT || !jobs_limit_is_set(l, kill) || used_ns >= l->value[kill])
        return under_pressure; /* what it would have taken is not known */
    return used_ns - l->value[which] <= l->value[which] / 100 * LIMITS_NEAR_PERCENT;
}
