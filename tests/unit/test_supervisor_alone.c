/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervisor_alone: which attempts are worth another one with nothing beside it. */
#include "harness/supervisor/alone.h"
#include "jobs/jobs.h"
#include "reports/reports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void limit(struct jobs_job *job, enum jobs_limit which, uint64_t value)
{
    job->limits.set |= 1u << which;
    job->limits.value[which] = value;
}

/* A job of a second of CPU time that is ended after two. */
static struct jobs_job bounded(void)
{
    struct jobs_job job = {.name = "job"};

    limit(&job, JOBS_LIMIT_CPU_TIME, NSEC_PER_SEC);
    limit(&job, JOBS_LIMIT_CPU_TIME_KILL, 2 * NSEC_PER_SEC);
    return job;
}

static struct reports_result took(enum reports_verdict verdict, uint64_t cpu_ms)
{
    struct reports_result r = {.verdict = verdict};

    reports_usage_set(&r.usage, REPORTS_CPU_SECONDS, cpu_ms * NSEC_PER_MSEC);
    return r;
}

static void test_near_its_limit_of_time(void **state)
{
    struct jobs_job job = bounded();
    struct reports_result near = took(REPORTS_CPU_LIMIT, 1050), far = took(REPORTS_CPU_LIMIT, 1900),
                          failed = took(REPORTS_FAILED, 1050);

    (void)state;
    assert_true(alone_is_worth_it(&job, &near));
    assert_false(alone_is_worth_it(&job, &far));
    assert_false(alone_is_worth_it(&job, &failed));
}

/* The verdict is the same for both limits, and instructions are as many on a quiet machine. */
static void test_instructions_are_no_time(void **state)
{
    struct jobs_job job = bounded();
    struct reports_result r = took(REPORTS_CPU_LIMIT, 1050);

    (void)state;
    limit(&job, JOBS_LIMIT_INSTRUCTIONS, 5000000);
    assert_true(alone_is_worth_it(&job, &r)); /* not counted: --best-effort */
    reports_usage_set(&r.usage, REPORTS_INSTRUCTIONS, 5000000);
    assert_true(alone_is_worth_it(&job, &r));
    reports_usage_set(&r.usage, REPORTS_INSTRUCTIONS, 5000001);
    assert_false(alone_is_worth_it(&job, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near_its_limit_of_time),
        cmocka_unit_test(test_instructions_are_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
