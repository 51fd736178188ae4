/* SPDX-License-Identifier: Apache-2.0 */
/* test_schedule: what the tests of the schedule share: what it is expected to give next, and notes
 * of whom it skips. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/supervisor/schedule.h"

/* What skip() and each() were told, in order. */
struct noted {
    size_t job[64];
    size_t because_of[64];
    size_t n; /* counts on where there is no room */
};

static inline void on_skip(void *data, size_t job, size_t because_of)
{
    struct noted *r = data;

    if (r->n < ARRAY_SIZE(r->job)) {
        r->job[r->n] = job;
        r->because_of[r->n] = because_of;
    }
    r->n++;
}

static inline void on_each(void *data, size_t job)
{
    on_skip(data, job, 0);
}

static inline void must_not_skip(void *data, size_t job, size_t because_of)
{
    (void)data;
    fail_msg("job %zu skipped because of %zu", job, because_of);
}

static inline void assert_next(struct schedule *s, size_t expected)
{
    size_t job = SIZE_MAX;

    assert_true(schedule_next(s, SIZE_MAX, &job));
    assert_int_equal(job, expected);
}

static inline void assert_none(struct schedule *s)
{
    size_t job = 12345;

    assert_false(schedule_next(s, SIZE_MAX, &job));
    assert_int_equal(job, 12345);
}

static inline void assert_upcoming(struct schedule *s, size_t max, const size_t *expected, size_t n)
{
    size_t list[64];

    assert_int_equal(schedule_upcoming(s, list, max), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list[i], expected[i]);
}

static inline void pass(struct schedule *s, size_t job)
{
    schedule_ended(s, job, SCHEDULE_PASSED, must_not_skip, NULL);
}

/* Expects that nothing is left to do, and frees it. */
static inline void expect_done(struct schedule *s)
{
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* Adds needs with 0 at their top, 1 and 2 at the sides, and 3 below both of them. */
static inline void add_diamond(struct schedule *s)
{
    schedule_add_need(s, 1, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 2, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 3, 1, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 3, 2, SCHEDULE_NEED_SUCCESS);
}
