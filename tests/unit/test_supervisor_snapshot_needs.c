/* SPDX-License-Identifier: Apache-2.0 */
/* bases: how long what a job left is kept. */
#include "harness/run/run.h"
#include "harness/supervisor/snapshot_needs.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct jobs_job plain;

static void expect_unneeded(const struct snapshot_needs *b, const size_t *list, size_t n)
{
    size_t instance;

    assert_int_equal(snapshot_needs_count_unneeded(b), n);
    for (size_t i = 0; i < n; i++) {
        assert_true(snapshot_needs_unneeded(b, i, &instance));
        assert_int_equal(instance, list[i]);
    }
    assert_false(snapshot_needs_unneeded(b, n, &instance));
}

/* 0 <- 1 <- 2, 0 <- 3, and 4 alone: what lies below is kept until the last above it has ended. */
static void test_until_the_last(void **state)
{
    const struct instance all[] = {{.job = &plain, .from = INSTANCE_NONE},
                                   {.job = &plain, .from = 0},
                                   {.job = &plain, .from = 1},
                                   {.job = &plain, .from = 0},
                                   {.job = &plain, .from = INSTANCE_NONE}};
    struct snapshot_needs *b = snapshot_needs_new(all, 5);

    (void)state;
    snapshot_needs_ended(b, 0);
    snapshot_needs_ended(b, 4);
    snapshot_needs_ended(b, 1);
    expect_unneeded(b, NULL, 0);
    snapshot_needs_ended(b, 2);
    expect_unneeded(b, (size_t[]){1}, 1);
    snapshot_needs_ended(b, 3);
    expect_unneeded(b, (size_t[]){1, 0}, 2);
    snapshot_needs_free(b);
}

/* Skipped jobs end before those that they would have started from are anything. */
static void test_in_any_order(void **state)
{
    const struct instance all[] = {{.job = &plain, .from = 1},
                                   {.job = &plain, .from = 2},
                                   {.job = &plain, .from = INSTANCE_NONE}};
    struct snapshot_needs *b = snapshot_needs_new(all, 3);

    (void)state;
    snapshot_needs_ended(b, 2);
    snapshot_needs_ended(b, 0);
    expect_unneeded(b, (size_t[]){1}, 1);
    snapshot_needs_ended(b, 1);
    expect_unneeded(b, (size_t[]){1, 2}, 2);
    snapshot_needs_free(b);
    snapshot_needs_free(NULL);
}

/* 0 <- 1; 3 takes files of 1 where both have written, 4 of 0 alone; 2 was not selected. */
static void test_until_who_takes_files(void **state)
{
    struct jobs_input of_second = {.from = "/out", .to = "/in", .job = 2},
                      of_first = {.from = "/out", .to = "/in", .job = 1};
    struct jobs_job jobs[] = {
        {.from = JOBS_FROM_NOTHING},
        {.from = 0, .depth = 1},
        {.from = JOBS_FROM_NOTHING},
        {.from = JOBS_FROM_NOTHING, .inputs = &of_second, .n_inputs = 1},
        {.from = JOBS_FROM_NOTHING, .inputs = &of_first, .n_inputs = 1},
    };
    const struct jobs_plan plan = {.jobs = jobs, .n_jobs = 5};
    const struct instance all[] = {
        {.plan = &plan, .job = &jobs[0], .from = INSTANCE_NONE},
        {.plan = &plan, .job = &jobs[1], .from = 0},
        {.plan = &plan, .job = &jobs[3], .from = INSTANCE_NONE},
        {.plan = &plan, .job = &jobs[4], .from = INSTANCE_NONE},
    };
    struct snapshot_needs *b = snapshot_needs_new(all, 4);

    (void)state;
    snapshot_needs_ended(b, 0);
    snapshot_needs_ended(b, 1);
    expect_unneeded(b, NULL, 0);
    snapshot_needs_ended(b, 2);
    expect_unneeded(b, (size_t[]){1}, 1);
    snapshot_needs_ended(b, 3);
    expect_unneeded(b, (size_t[]){1, 0}, 2);
    snapshot_needs_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_until_the_last),
                                       cmocka_unit_test(test_until_who_takes_files),
                                       cmocka_unit_test(test_in_any_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
