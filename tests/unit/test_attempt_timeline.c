/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_timeline: a series stays bounded, and thinning it out loses no peak and no total. */
#include "harness/attempt/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STEP (100 * NSEC_PER_MSEC)

static struct reports_point point(uint64_t i)
{
    return (struct reports_point){.at_ns = i * STEP,
                                  .cpu_ns = i * 7,
                                  .memory_bytes = i == 300 ? 999 : 5,
                                  .pids = i == 301 ? 9 : 1};
}

static void test_short_series(void **state)
{
    struct timeline t;

    (void)state;
    timeline_start(&t, STEP);
    assert_int_equal(t.next_ns, STEP);
    for (uint64_t i = 1; i <= 3; i++) {
        struct reports_point p = point(i);

        /* a little late: the next is due at its own time all the same */
        p.at_ns += NSEC_PER_MSEC;
        timeline_add(&t, &p, true, true, true);
        assert_int_equal(t.next_ns, (i + 1) * STEP);
    }
    assert_int_equal(t.n, 3);
    assert_int_equal(t.points[1].at_ns, 2 * STEP + NSEC_PER_MSEC);
    assert_true(t.has_cpu && t.has_memory && t.has_pids);
}

static void test_long_series(void **state)
{
    struct timeline t;
    uint64_t most_memory = 0, most_pids = 0, last = 0;

    (void)state;
    timeline_start(&t, STEP);
    for (uint64_t i = 1; i <= 100000; i++) {
        struct reports_point p = point(i);

        if (p.at_ns < t.next_ns && i != 300 && i != 301)
            continue;
        timeline_add(&t, &p, true, true, true);
        assert_true(t.n <= TIMELINE_MAX);
    }
    assert_true(t.n > TIMELINE_MAX / 4); /* and not thinner than it must be */
    for (size_t i = 0; i < t.n; i++) {
        assert_true(t.points[i].at_ns > last);
        last = t.points[i].at_ns;
        assert_int_equal(t.points[i].cpu_ns, t.points[i].at_ns / STEP * 7);
        most_memory =
            t.points[i].memory_bytes > most_memory ? t.points[i].memory_bytes : most_memory;
        most_pids = t.points[i].pids > most_pids ? t.points[i].pids : most_pids;
    }
    assert_int_equal(most_memory, 999);
    assert_int_equal(most_pids, 9);
    assert_int_equal(t.interval_ns, STEP * 256);
}

static void test_unknown_column(void **state)
{
    struct timeline t;
    struct reports_point p = point(1);

    (void)state;
    timeline_start(&t, STEP);
    timeline_add(&t, &p, true, true, true);
    p = point(2);
    timeline_add(&t, &p, true, false, true);
    p = point(3);
    timeline_add(&t, &p, true, true, true);
    assert_true(t.has_cpu && !t.has_memory && t.has_pids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_series),
        cmocka_unit_test(test_long_series),
        cmocka_unit_test(test_unknown_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
