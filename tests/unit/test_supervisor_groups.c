/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervisor_groups: jobs that start together, and what there is enough of when a job starts.
 */
#include "test_schedule.h"

static struct schedule *with_group(size_t n, const size_t *jobs, size_t n_jobs)
{
    struct schedule *s = schedule_new(n);

    schedule_add_group(s, jobs, n_jobs);
    return s;
}

/* Nothing that comes later gets the slots that a group waits for. */
static void test_group_starts_together(void **state)
{
    static const size_t group[] = {1, 3, 4};
    struct schedule *s = with_group(6, group, ARRAY_SIZE(group));
    size_t job;

    (void)state;
    assert_next(s, 0);
    assert_false(schedule_next(s, 2, &job));
    assert_false(schedule_next(s, 0, &job));
    assert_true(schedule_next(s, 3, &job));
    assert_int_equal(job, 1);
    assert_true(schedule_next(s, 2, &job));
    assert_int_equal(job, 3);
    assert_true(schedule_next(s, 1, &job));
    assert_int_equal(job, 4);
    assert_next(s, 2);
    assert_next(s, 5);
    assert_none(s);
    for (size_t i = 0; i < 6; i++)
        schedule_ended(s, i, true, must_not_skip, NULL);
    expect_done(s);
}

/* A job outside may overtake a group whose needs are not met. */
static void test_group_waits_for_all_its_needs(void **state)
{
    static const size_t group[] = {0, 1};
    struct schedule *s = with_group(5, group, ARRAY_SIZE(group));

    (void)state;
    schedule_add_need(s, 0, 2, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 1, 3, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 2);
    schedule_ended(s, 2, true, must_not_skip, NULL);
    assert_next(s, 3);
    assert_next(s, 4);
    assert_none(s);
    schedule_ended(s, 3, true, must_not_skip, NULL);
    assert_next(s, 0);
    assert_next(s, 1);
    assert_none(s);
    schedule_free(s);
}

static void test_group_is_skipped_as_a_whole(void **state)
{
    static const size_t group[] = {1, 2};
    struct schedule *s = with_group(5, group, ARRAY_SIZE(group));
    struct noted r = {0};

    (void)state;
    schedule_add_need(s, 2, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 3, 1, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    assert_next(s, 4);
    schedule_ended(s, 0, false, on_skip, &r);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.job[0], 2);
    assert_int_equal(r.because_of[0], 0);
    assert_int_equal(r.job[1], 1); /* of the same group */
    assert_int_equal(r.because_of[1], 2);
    assert_int_equal(r.job[2], 3); /* needs that one */
    assert_int_equal(r.because_of[2], 1);
    assert_none(s);
    schedule_ended(s, 4, true, must_not_skip, NULL);
    expect_done(s);
}

/* One that failed does not take back those that started with it. */
static void test_group_member_that_fails(void **state)
{
    static const size_t group[] = {0, 1};
    struct schedule *s = with_group(3, group, ARRAY_SIZE(group));
    struct noted r = {0};

    (void)state;
    schedule_add_need(s, 2, 0, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    assert_next(s, 1);
    schedule_ended(s, 0, false, on_skip, &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.job[0], 2);
    assert_false(schedule_done(s));
    schedule_ended(s, 1, true, must_not_skip, NULL);
    expect_done(s);
}

static void test_group_is_abandoned(void **state)
{
    static const size_t group[] = {0, 1, 2};
    struct schedule *s = with_group(4, group, ARRAY_SIZE(group));
    struct noted r = {0};
    size_t job;

    (void)state;
    assert_true(schedule_next(s, 3, &job));
    schedule_abandon(s, on_each, &r); /* in the midst of it */
    assert_int_equal(r.n, 3);
    assert_none(s);
    schedule_ended(s, 0, true, must_not_skip, NULL);
    expect_done(s);
}

/* ---- what jobs share ---- */

static void test_admission(void **state)
{
    struct schedule *s = schedule_new(6);
    static const uint64_t costs[][SCHEDULE_GOODS] = {{1, 6}, {1, 6},  {0, 0},
                                                     {1, 4}, {9, 99}, {1, 1}};
    size_t job;

    (void)state;
    schedule_set_stock(s, (uint64_t[SCHEDULE_GOODS]){4, 10});
    for (size_t i = 0; i < ARRAY_SIZE(costs); i++)
        schedule_set_cost(s, i, costs[i]);
    assert_true(schedule_next(s, 6, &job));
    assert_int_equal(job, 0);
    assert_false(schedule_next(s, 5, &job)); /* 6 and 6 of 10; nothing later overtakes it */
    assert_int_equal(schedule_next_wants(s, 0), 2);
    assert_int_equal(schedule_next_wants(s, 1), 12);
    schedule_ended(s, 0, true, NULL, NULL);
    assert_int_equal(schedule_next_wants(s, 1), 0); /* nothing runs */
    for (size_t i = 1; i < 4; i++) {
        assert_true(schedule_next(s, 6, &job));
        assert_int_equal(job, i);
    }
    assert_false(schedule_next(s, 3, &job)); /* wants more than there is: not beside others */
    for (size_t i = 1; i < 4; i++)
        schedule_ended(s, i, true, NULL, NULL);
    assert_true(schedule_next(s, 6, &job)); /* but alone */
    assert_int_equal(job, 4);
    assert_false(schedule_next(s, 5, &job));
    schedule_ended(s, 4, true, NULL, NULL);
    assert_true(schedule_next(s, 6, &job));
    assert_int_equal(job, 5);
    schedule_ended(s, 5, true, NULL, NULL);
    expect_done(s);
}

/* Small ones that come before it by rank keep coming, since what they need ends, or since they are
 * run again. */
static void test_who_waits_for_much_has_its_turn(void **state)
{
    enum { SMALL = 8 };
    struct schedule *s = schedule_new(SMALL + 1);

    (void)state;
    schedule_set_stock(s, (uint64_t[SCHEDULE_GOODS]){UINT64_MAX, UINT64_MAX, 4});
    for (size_t i = 0; i < SMALL; i++)
        schedule_set_cost(s, i, (uint64_t[SCHEDULE_GOODS]){0, 0, 1});
    schedule_set_cost(s, SMALL, (uint64_t[SCHEDULE_GOODS]){0, 0, 4});
    for (size_t i = 3; i < SMALL; i++)
        schedule_add_need(s, i, i - 3, SCHEDULE_NEED_SUCCESS);
    for (size_t i = 0; i < 3; i++)
        assert_next(s, i);
    assert_none(s); /* one slot is left, and it wants four */
    pass(s, 0);     /* 3 is ready */
    assert_none(s);
    schedule_again(s, 1);
    assert_upcoming(s, 9, (const size_t[]){SMALL, 1, 3}, 3);
    assert_none(s);
    pass(s, 2);
    assert_next(s, SMALL);
    assert_none(s);
    pass(s, SMALL);
    assert_next(s, 1);
    assert_next(s, 3);
    assert_next(s, 5);
    assert_none(s);
    schedule_free(s);
}

/* What is the next and gives up its turn makes way. */
static void test_who_waits_for_much_is_skipped(void **state)
{
    struct schedule *s = schedule_new(4);
    struct noted r = {0};

    (void)state;
    schedule_add_pool(s, (const size_t[]){0, 1}, 2, 0, true); /* fail-fast */
    schedule_set_stock(s, (uint64_t[SCHEDULE_GOODS]){UINT64_MAX, UINT64_MAX, 2});
    for (size_t i = 0; i < 4; i++)
        schedule_set_cost(s, i, (uint64_t[SCHEDULE_GOODS]){0, 0, i == 1 ? 2 : 1});
    assert_next(s, 0);
    assert_none(s);
    schedule_ended(s, 0, SCHEDULE_FAILED, on_skip, &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.job[0], 1);
    assert_next(s, 2);
    assert_next(s, 3);
    schedule_free(s);
}

/* What there is may become less and more while jobs run. */
static void test_stock_changes(void **state)
{
    struct schedule *s = schedule_new(3);

    (void)state;
    schedule_set_stock(s, (uint64_t[SCHEDULE_GOODS]){UINT64_MAX, 10, UINT64_MAX});
    for (size_t i = 0; i < 3; i++)
        schedule_set_cost(s, i, (uint64_t[SCHEDULE_GOODS]){0, 4, 0});
    assert_next(s, 0);
    schedule_set_stock(s, (uint64_t[SCHEDULE_GOODS]){UINT64_MAX, 3, UINT64_MAX});
    assert_none(s);
    schedule_set_stock(s, (uint64_t[SCHEDULE_GOODS]){UINT64_MAX, 8, UINT64_MAX});
    assert_next(s, 1);
    assert_none(s);
    schedule_set_stock(s, (uint64_t[SCHEDULE_GOODS]){UINT64_MAX, 1, UINT64_MAX});
    pass(s, 0);
    assert_none(s);
    pass(s, 1);
    assert_next(s, 2); /* nothing else runs */
    pass(s, 2);
    expect_done(s);
}

static void test_group_is_admitted_as_one(void **state)
{
    struct schedule *s = schedule_new(3);
    size_t job;

    (void)state;
    schedule_add_group(s, (const size_t[]){1, 2}, 2);
    schedule_set_stock(s, (uint64_t[SCHEDULE_GOODS]){UINT64_MAX, 10});
    for (size_t i = 0; i < 3; i++)
        schedule_set_cost(s, i, (uint64_t[SCHEDULE_GOODS]){0, i == 0 ? 1 : UINT64_MAX});
    assert_true(schedule_next(s, 3, &job));
    assert_int_equal(job, 0);
    assert_false(schedule_next(s, 2, &job));
    schedule_ended(s, 0, true, NULL, NULL);
    assert_true(schedule_next(s, 3, &job));
    assert_true(schedule_next(s, 2, &job));
    assert_int_equal(job, 2);
    schedule_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group_starts_together),
        cmocka_unit_test(test_group_waits_for_all_its_needs),
        cmocka_unit_test(test_group_is_skipped_as_a_whole),
        cmocka_unit_test(test_group_member_that_fails),
        cmocka_unit_test(test_group_is_abandoned),
        cmocka_unit_test(test_admission),
        cmocka_unit_test(test_who_waits_for_much_has_its_turn),
        cmocka_unit_test(test_who_waits_for_much_is_skipped),
        cmocka_unit_test(test_stock_changes),
        cmocka_unit_test(test_group_is_admitted_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
