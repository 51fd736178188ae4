/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_limits: what a job's and a step's limits leave, whichever is tighter. */
#include "harness/attempt/limits_in_force.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void set(struct jobs_limits *l, enum jobs_limit which, uint64_t value)
{
    l->set |= 1u << which;
    l->value[which] = value;
}

static void test_nothing_is_limited(void **state)
{
    struct jobs_limits job = {0}, step = {0};
    struct limits_view v = {.job = &job, .step = &step, .job_started_ns = 5, .step_started_ns = 5};
    bool of_step = true;

    (void)state;
    assert_true(limits_wall_deadline(&v, &of_step) == LIMITS_NEVER);
    assert_false(of_step);
    assert_true(limits_cpu_left(&v, 123, &of_step) == LIMITS_NEVER);
    assert_true(limits_output(&v, JOBS_LIMIT_OUTPUT, &of_step) == LIMITS_OUTPUT_DEFAULT);
    assert_true(limits_output(&v, JOBS_LIMIT_STDERR, &of_step) == LIMITS_NEVER);
}

static void test_wall_counts_from_the_start_of_each(void **state)
{
    struct jobs_limits job = {0}, step = {0};
    struct limits_view v = {
        .job = &job, .step = &step, .job_started_ns = 100, .step_started_ns = 150};
    bool of_step;

    (void)state;
    set(&job, JOBS_LIMIT_WALL, 1000);
    set(&step, JOBS_LIMIT_WALL, 900);
    assert_int_equal(limits_wall_deadline(&v, &of_step), 1050);
    assert_true(of_step);
    set(&step, JOBS_LIMIT_WALL, 951);
    assert_int_equal(limits_wall_deadline(&v, &of_step), 1100);
    assert_false(of_step);
    v.step_started_ns = 0; /* between two steps only the job's counts */
    set(&step, JOBS_LIMIT_WALL, 1);
    assert_int_equal(limits_wall_deadline(&v, &of_step), 1100);
    v.job_started_ns = 0;
    assert_true(limits_wall_deadline(&v, &of_step) == LIMITS_NEVER);
}

/* Silence counts from the last output or the step's start, whichever was later; a step that runs
 * not has none. */
static void test_silence_counts_from_the_last_output(void **state)
{
    struct jobs_limits job = {0}, step = {0};
    struct limits_view v = {
        .job = &job, .step = &step, .job_started_ns = 100, .step_started_ns = 150};
    bool of_step;

    (void)state;
    assert_true(limits_idle_deadline(&v, &of_step) == LIMITS_NEVER);
    set(&job, JOBS_LIMIT_IDLE, 20);
    v.heard_ns = 140; /* of the step before */
    assert_int_equal(limits_idle_deadline(&v, &of_step), 170);
    v.heard_ns = 160;
    assert_int_equal(limits_idle_deadline(&v, &of_step), 180);
    assert_false(of_step);
    set(&step, JOBS_LIMIT_IDLE, 19);
    assert_int_equal(limits_idle_deadline(&v, &of_step), 179);
    assert_true(of_step);
    v.step_started_ns = 0;
    assert_true(limits_idle_deadline(&v, &of_step) == LIMITS_NEVER);
}

static void test_cpu_left(void **state)
{
    struct jobs_limits job = {0}, step = {0};
    struct limits_view v = {.job = &job, .step = &step, .step_cpu_ns = 400};
    bool of_step;

    (void)state;
    set(&job, JOBS_LIMIT_CPU_TIME, 1000);
    assert_int_equal(limits_cpu_left(&v, 600, &of_step), 400);
    assert_int_equal(limits_cpu_left(&v, 1000, &of_step), 0);
    assert_int_equal(limits_cpu_left(&v, 1001, &of_step), 0);
    set(&step, JOBS_LIMIT_CPU_TIME, 300);
    assert_int_equal(limits_cpu_left(&v, 600, &of_step), 100);
    assert_true(of_step);
    set(&job, JOBS_LIMIT_CPU_TIME, UINT64_MAX);
    assert_int_equal(limits_cpu_left(&v, 600, &of_step), 100);
}

/* What is judged by the first value is ended by the second; of what is given once, both are one. */
static void test_given_twice(void **state)
{
    struct jobs_limits job = {0}, step = {0};
    struct limits_view v = {.job = &job,
                            .step = &step,
                            .job_started_ns = 100,
                            .step_started_ns = 150,
                            .step_cpu_ns = 400};
    bool of_step;

    (void)state;
    set(&job, JOBS_LIMIT_WALL, 1000);
    set(&job, JOBS_LIMIT_CPU_TIME, 1000);
    assert_false(limits_are_twice(&v));
    assert_int_equal(limits_wall_kill(&v, &of_step), 1100);
    assert_int_equal(limits_cpu_kill_left(&v, 900, &of_step), 100);
    set(&job, JOBS_LIMIT_WALL_KILL, 2000);
    set(&job, JOBS_LIMIT_CPU_TIME_KILL, 3000);
    assert_true(limits_are_twice(&v));
    assert_int_equal(limits_wall_deadline(&v, &of_step), 1100);
    assert_int_equal(limits_wall_kill(&v, &of_step), 2100);
    assert_int_equal(limits_cpu_left(&v, 900, &of_step), 100);
    assert_int_equal(limits_cpu_kill_left(&v, 900, &of_step), 2100);
    set(&step, JOBS_LIMIT_WALL, 1500);
    set(&step, JOBS_LIMIT_CPU_TIME, 700);
    assert_int_equal(limits_wall_deadline(&v, &of_step), 1100);
    assert_false(of_step);
    assert_int_equal(limits_wall_kill(&v, &of_step), 1650);
    assert_true(of_step);
    assert_int_equal(limits_cpu_kill_left(&v, 900, &of_step), 200);
    v.unenforced = 1u << JOBS_LIMIT_CPU_TIME | 1u << JOBS_LIMIT_CPU_TIME_KILL;
    assert_true(limits_cpu_kill_left(&v, 900, &of_step) == LIMITS_NEVER);
}

static void test_output_of_each_stream(void **state)
{
    struct jobs_limits job = {0}, step = {0};
    struct limits_view v = {.job = &job, .step = &step, .step_output = {40, 500}};
    bool of_step;

    (void)state;
    set(&job, JOBS_LIMIT_STDOUT, 100);
    set(&step, JOBS_LIMIT_STDOUT, 70);
    set(&step, JOBS_LIMIT_OUTPUT, 1000);
    assert_int_equal(limits_output(&v, JOBS_LIMIT_STDOUT, &of_step), 100);
    assert_false(of_step);
    set(&step, JOBS_LIMIT_STDOUT, 50);
    assert_int_equal(limits_output(&v, JOBS_LIMIT_STDOUT, &of_step), 90);
    assert_true(of_step);
    set(&step, JOBS_LIMIT_STDERR, 7);
    assert_int_equal(limits_output(&v, JOBS_LIMIT_STDERR, &of_step), 507);
    assert_int_equal(limits_output(&v, JOBS_LIMIT_OUTPUT, &of_step), 1540);
}

static void test_cpu_lasts_as_long_as_all_cores_need(void **state)
{
    struct jobs_limits job = {0}, step = {0};
    struct limits_view v = {.job = &job, .step = &step};

    (void)state;
    assert_int_equal(limits_cpu_lasts(&v, 1000, 4), 250);
    set(&job, JOBS_LIMIT_CPU, 500);
    assert_int_equal(limits_cpu_lasts(&v, 1000, 4), 2000);
    set(&job, JOBS_LIMIT_CPU, 64000);
    assert_int_equal(limits_cpu_lasts(&v, 1000, 4), 250);
}

static void test_let_go_is_no_limit(void **state)
{
    struct jobs_limits job = {0}, step = {0};
    struct limits_view v = {.job = &job, .step = &step, .job_started_ns = 1};
    bool of_step;

    (void)state;
    set(&job, JOBS_LIMIT_CPU_TIME, 1000);
    v.unenforced = 1u << JOBS_LIMIT_CPU_TIME;
    assert_false(limits_enforced(&v, &job, JOBS_LIMIT_CPU_TIME));
    assert_true(limits_cpu_left(&v, 5000, &of_step) == LIMITS_NEVER);
}

static void test_asked_in_a_step_alone(void **state)
{
    struct jobs_step steps[2] = {0};
    struct jobs_job job = {.steps = steps, .n_steps = 2};

    (void)state;
    assert_false(limits_asked(&job, JOBS_LIMIT_CPU_TIME));
    set(&steps[1].limits, JOBS_LIMIT_CPU_TIME, 1);
    assert_true(limits_asked(&job, JOBS_LIMIT_CPU_TIME));
    assert_false(limits_asked(&job, JOBS_LIMIT_WALL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_limited),
        cmocka_unit_test(test_wall_counts_from_the_start_of_each),
        cmocka_unit_test(test_silence_counts_from_the_last_output),
        cmocka_unit_test(test_cpu_left),
        cmocka_unit_test(test_given_twice),
        cmocka_unit_test(test_output_of_each_stream),
        cmocka_unit_test(test_cpu_lasts_as_long_as_all_cores_need),
        cmocka_unit_test(test_let_go_is_no_limit),
        cmocka_unit_test(test_asked_in_a_step_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
