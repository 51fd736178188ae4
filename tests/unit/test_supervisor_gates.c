/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervisor_gates: what many jobs wait for in place of many others: gates that are passed,
 * and who is skipped because of whom where one is not. */
#include "test_schedule.h"

/* Jobs 0 and 1, a gate, jobs 2 and 3 behind it. */
static struct schedule *two_and_two(void)
{
    struct schedule *s = schedule_new(4);
    size_t gate = schedule_add_gate(s);

    assert_int_equal(gate, 4);
    for (size_t i = 0; i < 2; i++) {
        schedule_add_need(s, gate, i, SCHEDULE_NEED_PASS);
        schedule_add_need(s, 2 + i, gate, SCHEDULE_NEED_PASS);
    }
    return s;
}

static void test_passed(void **state)
{
    struct schedule *s = two_and_two();

    (void)state;
    assert_next(s, 0);
    assert_next(s, 1);
    assert_none(s);
    schedule_ended(s, 1, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_none(s);
    schedule_ended(s, 0, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_next(s, 2);
    assert_next(s, 3);
    schedule_ended(s, 2, SCHEDULE_FAILED, must_not_skip, NULL);
    schedule_ended(s, 3, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

static void test_not_passed(void **state)
{
    struct schedule *s = two_and_two();
    struct noted r = {0};

    (void)state;
    assert_next(s, 0);
    assert_next(s, 1);
    schedule_ended(s, 1, SCHEDULE_ALLOWED, on_skip, &r); /* which is not passed */
    assert_int_equal(r.n, 2);
    assert_int_equal(r.job[0], 2);
    assert_int_equal(r.job[1], 3);
    assert_int_equal(r.because_of[0], 1);
    assert_int_equal(r.because_of[1], 1);
    schedule_ended(s, 0, SCHEDULE_FAILED, on_skip, &r);
    assert_int_equal(r.n, 2);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* 0 -> gate -> gate -> 1 -> gate -> 2: the fault is told through all of them. */
static void test_gates_in_a_row(void **state)
{
    (void)state;
    for (int passes = 0; passes < 2; passes++) {
        struct schedule *s = schedule_new(3);
        size_t a = schedule_add_gate(s), b = schedule_add_gate(s), c = schedule_add_gate(s);
        struct noted r = {0};

        schedule_add_need(s, a, 0, SCHEDULE_NEED_PASS);
        schedule_add_need(s, b, a, SCHEDULE_NEED_PASS);
        schedule_add_need(s, 1, b, SCHEDULE_NEED_PASS);
        schedule_add_need(s, c, 1, SCHEDULE_NEED_PASS);
        schedule_add_need(s, 2, c, SCHEDULE_NEED_PASS);
        assert_next(s, 0);
        assert_none(s);
        schedule_ended(s, 0, passes ? SCHEDULE_PASSED : SCHEDULE_FAILED, on_skip, &r);
        if (passes) {
            assert_int_equal(r.n, 0);
            assert_next(s, 1);
            assert_none(s);
            schedule_ended(s, 1, SCHEDULE_PASSED, on_skip, &r);
            assert_next(s, 2);
            schedule_ended(s, 2, SCHEDULE_PASSED, on_skip, &r);
        } else {
            assert_int_equal(r.n, 2);
            assert_int_equal(r.job[0], 1);
            assert_int_equal(r.because_of[0], 0);
            assert_int_equal(r.job[1], 2);
            assert_int_equal(r.because_of[1], 1);
        }
        assert_true(schedule_done(s));
        schedule_free(s);
    }
}

static void test_abandoned(void **state)
{
    struct schedule *s = two_and_two();
    struct noted r = {0};

    (void)state;
    assert_next(s, 0);
    schedule_abandon(s, on_each, &r);
    assert_int_equal(r.n, 3);
    schedule_ended(s, 0, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* Ten thousand that wait for ten thousand: linear, or this takes for ever. */
static void test_very_many(void **state)
{
    enum { N = 10000 };
    struct schedule *s = schedule_new(2 * N);
    size_t gate = schedule_add_gate(s);

    (void)state;
    for (size_t i = 0; i < N; i++) {
        schedule_add_need(s, gate, i, SCHEDULE_NEED_PASS);
        schedule_add_need(s, N + i, gate, SCHEDULE_NEED_PASS);
    }
    for (size_t i = 0; i < 2 * N; i++) {
        assert_next(s, i);
        schedule_ended(s, i, SCHEDULE_PASSED, must_not_skip, NULL);
    }
    assert_true(schedule_done(s));
    schedule_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passed),         cmocka_unit_test(test_not_passed),
        cmocka_unit_test(test_gates_in_a_row), cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_very_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
