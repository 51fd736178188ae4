/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervisor_schedule: which job is next, in every shape of needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "harness/supervisor/schedule.h"
#include "harness/supervisor/shuffle.h"

/* What skip() and each() were told, in order. */
struct noted {
    size_t job[64];
    size_t because_of[64];
    size_t n; /* counts on where there is no room */
};

static void on_skip(void *data, size_t job, size_t because_of)
{
    struct noted *r = data;

    if (r->n < ARRAY_SIZE(r->job)) {
        r->job[r->n] = job;
        r->because_of[r->n] = because_of;
    }
    r->n++;
}

static void on_each(void *data, size_t job)
{
    on_skip(data, job, 0);
}

static void must_not_skip(void *data, size_t job, size_t because_of)
{
    (void)data;
    fail_msg("job %zu skipped because of %zu", job, because_of);
}

static void assert_next(struct schedule *s, size_t expected)
{
    size_t job = SIZE_MAX;

    assert_true(schedule_next(s, SIZE_MAX, &job));
    assert_int_equal(job, expected);
}

static void assert_none(struct schedule *s)
{
    size_t job = 12345;

    assert_false(schedule_next(s, SIZE_MAX, &job));
    assert_int_equal(job, 12345);
}

static void test_empty(void **state)
{
    struct schedule *s = schedule_new(0);
    struct noted r = {0};

    (void)state;
    assert_true(schedule_done(s));
    assert_none(s);
    schedule_abandon(s, on_each, &r);
    assert_int_equal(r.n, 0);
    schedule_free(s);
    schedule_free(NULL);
}

static void test_independent_jobs_in_file_order(void **state)
{
    struct schedule *s = schedule_new(5);

    (void)state;
    for (size_t i = 0; i < 5; i++)
        assert_next(s, i);
    assert_none(s);
    assert_false(schedule_done(s));
    for (size_t i = 5; i-- > 0;)
        schedule_ended(s, i, i % 2 == 0, must_not_skip, NULL);
    assert_true(schedule_done(s));
    assert_none(s);
    schedule_free(s);
}

/* A job that becomes ready later goes before higher numbers that were ready all the time. */
static void test_lowest_number_first(void **state)
{
    struct schedule *s = schedule_new(4);

    (void)state;
    schedule_add_need(s, 0, 2, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 1);
    assert_next(s, 2);
    schedule_ended(s, 2, true, must_not_skip, NULL);
    assert_next(s, 0);
    assert_next(s, 3);
    assert_none(s);
    schedule_free(s);
}

static void test_diamond(void **state)
{
    struct schedule *s = schedule_new(4);

    (void)state;
    schedule_add_need(s, 1, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 2, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 3, 1, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 3, 2, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    assert_none(s);
    schedule_ended(s, 0, true, must_not_skip, NULL);
    assert_next(s, 1);
    assert_next(s, 2);
    schedule_ended(s, 2, true, must_not_skip, NULL);
    assert_none(s); /* one of two is not enough */
    schedule_ended(s, 1, true, must_not_skip, NULL);
    assert_next(s, 3);
    schedule_ended(s, 3, false, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* Each is skipped once, with the need that failed or was skipped itself. */
static void test_failing_top_of_a_diamond(void **state)
{
    struct schedule *s = schedule_new(5);
    struct noted r = {0};

    (void)state;
    schedule_add_need(s, 1, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 2, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 3, 1, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 3, 2, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    schedule_ended(s, 0, false, on_skip, &r);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.job[0], 1);
    assert_int_equal(r.because_of[0], 0);
    assert_int_equal(r.job[1], 2);
    assert_int_equal(r.because_of[1], 0);
    assert_int_equal(r.job[2], 3);
    assert_int_equal(r.because_of[2], 1);
    assert_false(schedule_done(s));
    assert_next(s, 4);
    schedule_ended(s, 4, true, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* One side failed, and what was skipped for it stays so when the other side passes or fails later.
 */
static void test_failing_side_while_the_other_runs(void **state)
{
    (void)state;
    for (int passed = 0; passed < 2; passed++) {
        struct schedule *s = schedule_new(4);
        struct noted r = {0};

        schedule_add_need(s, 2, 0, SCHEDULE_NEED_SUCCESS);
        schedule_add_need(s, 2, 1, SCHEDULE_NEED_SUCCESS);
        schedule_add_need(s, 3, 2, SCHEDULE_NEED_SUCCESS);
        assert_next(s, 0);
        assert_next(s, 1);
        schedule_ended(s, 0, false, on_skip, &r);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.because_of[0], 0);
        assert_int_equal(r.because_of[1], 2);
        schedule_ended(s, 1, passed != 0, must_not_skip, NULL);
        assert_none(s);
        assert_true(schedule_done(s));
        schedule_free(s);
    }
}

static void test_the_same_need_twice(void **state)
{
    struct schedule *s = schedule_new(2), *t = schedule_new(2);
    struct noted r = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        schedule_add_need(s, 1, 0, SCHEDULE_NEED_SUCCESS);
        schedule_add_need(t, 1, 0, SCHEDULE_NEED_SUCCESS);
    }
    assert_next(s, 0);
    schedule_ended(s, 0, true, must_not_skip, NULL);
    assert_next(s, 1);
    assert_next(t, 0);
    schedule_ended(t, 0, false, on_skip, &r);
    assert_int_equal(r.n, 1);
    assert_true(schedule_done(t));
    schedule_free(s);
    schedule_free(t);
}

enum { LONG = 5000 };

/* Against file order, so that every look-up starts at the far end. */
static void test_long_chain_passes(void **state)
{
    struct schedule *s = schedule_new(LONG);

    (void)state;
    for (size_t i = 0; i + 1 < LONG; i++)
        schedule_add_need(s, i, i + 1, SCHEDULE_NEED_SUCCESS);
    for (size_t i = LONG; i-- > 0;) {
        assert_next(s, i);
        assert_none(s);
        schedule_ended(s, i, true, must_not_skip, NULL);
    }
    assert_true(schedule_done(s));
    schedule_free(s);
}

static void test_long_chain_is_skipped_without_recursion(void **state)
{
    enum { N = 200000 };
    struct schedule *s = schedule_new(N);
    struct noted r = {0};

    (void)state;
    for (size_t i = 1; i < N; i++)
        schedule_add_need(s, i, i - 1, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    schedule_ended(s, 0, false, on_skip, &r);
    assert_int_equal(r.n, N - 1);
    assert_int_equal(r.job[63], 64);
    assert_int_equal(r.because_of[63], 63);
    assert_true(schedule_done(s));
    schedule_free(s);
}

static void test_one_need_of_many(void **state)
{
    struct schedule *s = schedule_new(LONG);
    struct noted r = {0};

    (void)state;
    for (size_t i = 0; i + 1 < LONG; i++)
        schedule_add_need(s, i, LONG - 1, SCHEDULE_NEED_SUCCESS);
    assert_next(s, LONG - 1);
    assert_none(s);
    schedule_ended(s, LONG - 1, false, on_skip, &r);
    assert_int_equal(r.n, LONG - 1);
    assert_int_equal(r.job[0], 0);
    assert_true(schedule_done(s));
    schedule_free(s);
}

static void test_abandon(void **state)
{
    struct schedule *s = schedule_new(6);
    struct noted r = {0};

    (void)state;
    schedule_add_need(s, 3, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 4, 3, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    assert_next(s, 1);
    schedule_ended(s, 1, true, must_not_skip, NULL);
    schedule_abandon(s, on_each, &r);
    assert_int_equal(r.n, 4); /* 2 to 5; neither the running 0 nor the ended 1 */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(r.job[i], i + 2);
    assert_none(s);
    assert_false(schedule_done(s));                   /* 0 still runs */
    schedule_ended(s, 0, false, must_not_skip, NULL); /* what needs it has its end already */
    assert_true(schedule_done(s));
    schedule_abandon(s, on_each, &r);
    assert_int_equal(r.n, 4);
    schedule_free(s);
}

/* A job that is run again is the lowest ready one like any other, and only its end is news for
 * those that need it. */
static void test_again(void **state)
{
    struct schedule *s = schedule_new(4);

    (void)state;
    schedule_add_need(s, 3, 1, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    assert_next(s, 1);
    schedule_again(s, 1);
    assert_false(schedule_done(s));
    assert_next(s, 1); /* before 2, which has been ready all the time */
    assert_next(s, 2);
    assert_none(s); /* 3 still waits */
    schedule_again(s, 1);
    schedule_again(s, 0);
    assert_next(s, 0);
    assert_next(s, 1);
    schedule_ended(s, 0, false, must_not_skip, NULL);
    schedule_ended(s, 1, true, must_not_skip, NULL);
    assert_next(s, 3);
    schedule_ended(s, 2, true, must_not_skip, NULL);
    assert_false(schedule_done(s));
    schedule_ended(s, 3, true, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* The run stops while a job waits for its next attempt: it is abandoned like one that never ran,
 * and does not start. */
static void test_again_and_abandoned(void **state)
{
    struct schedule *s = schedule_new(3);
    struct noted r = {0};

    (void)state;
    schedule_add_need(s, 2, 1, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    assert_next(s, 1);
    schedule_again(s, 1);
    schedule_abandon(s, on_each, &r);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.job[0], 1);
    assert_int_equal(r.job[1], 2);
    assert_none(s);
    schedule_ended(s, 0, true, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* Ready jobs come in the order of their numbers whatever the order in which they became ready. */
/* Jobs 1 to 4 need job 0 each in its own way, and 5 to 7 need job 1. */
static struct schedule *new_of_all_kinds(void)
{
    struct schedule *s = schedule_new(8);

    schedule_add_need(s, 1, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 2, 0, SCHEDULE_NEED_FAILURE);
    schedule_add_need(s, 3, 0, SCHEDULE_NEED_ALWAYS);
    schedule_add_need(s, 4, 0, SCHEDULE_NEED_PASS);
    schedule_add_need(s, 5, 1, SCHEDULE_NEED_FAILURE);
    schedule_add_need(s, 6, 2, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 7, 2, SCHEDULE_NEED_FAILURE);
    assert_next(s, 0);
    return s;
}

static void assert_ran(struct schedule *s, const size_t *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_next(s, jobs[i]);
    assert_none(s);
    schedule_free(s);
}

static void test_needs_of_a_job_that_passed(void **state)
{
    struct schedule *s = new_of_all_kinds();
    struct noted r = {0};

    (void)state;
    schedule_ended(s, 0, SCHEDULE_PASSED, on_skip, &r);
    assert_int_equal(r.n, 3); /* 2, and what needs that: nothing has failed */
    assert_ran(s, (const size_t[]){1, 3, 4}, 3);
}

static void test_needs_of_a_job_that_failed(void **state)
{
    struct schedule *s = new_of_all_kinds();
    struct noted r = {0};

    (void)state;
    schedule_ended(s, 0, SCHEDULE_FAILED, on_skip, &r);
    assert_int_equal(r.n, 2); /* 1 and 4 */
    /* 5: what it needs was skipped because another failed */
    assert_ran(s, (const size_t[]){2, 3, 5}, 3);
}

static void test_needs_of_a_job_that_was_allowed_to_fail(void **state)
{
    struct schedule *s = new_of_all_kinds();
    struct noted r = {0};

    (void)state;
    schedule_ended(s, 0, SCHEDULE_ALLOWED, on_skip, &r);
    assert_int_equal(r.n, 4); /* 4, which wants its files; 2, and what needs that */
    assert_ran(s, (const size_t[]){1, 3}, 2);
}

static void test_many_ready_in_order(void **state)
{
    enum { N = 1000 };
    struct schedule *s = schedule_new(N + 1);

    (void)state;
    for (size_t i = 0; i < N; i++)
        schedule_add_need(s, i, i % 2 == 0 ? N : (i * 7919) % N / 2 * 2, /* odd: some even one */
                          SCHEDULE_NEED_SUCCESS);
    assert_next(s, N);
    schedule_ended(s, N, true, must_not_skip, NULL);
    for (size_t i = 0; i < N; i += 2)
        assert_next(s, i);
    assert_none(s);
    for (size_t i = 0; i < N; i++) { /* the even ones in a scattered order */
        size_t job = (i * 7919) % N;

        if (job % 2 == 0)
            schedule_ended(s, job, true, must_not_skip, NULL);
    }
    for (size_t i = 1; i < N; i += 2)
        assert_next(s, i);
    for (size_t i = 1; i < N; i += 2)
        schedule_ended(s, i, true, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* Two hundred thousand jobs, half of them blocked to the end: looking at each for each would not
 * come to an end here. */
static void test_many_blocked_jobs_cost_nothing(void **state)
{
    enum { N = 200000 };
    struct schedule *s = schedule_new(N);
    size_t job;

    (void)state;
    for (size_t i = 0; i < N / 2; i++)
        schedule_add_need(s, i, N - 1, SCHEDULE_NEED_SUCCESS);
    for (size_t i = N / 2; i < N; i++) {
        assert_true(schedule_next(s, SIZE_MAX, &job));
        schedule_again(s, job);
        assert_next(s, i);
        schedule_ended(s, i, true, must_not_skip, NULL);
    }
    for (size_t i = 0; i < N / 2; i++) {
        assert_next(s, i);
        schedule_ended(s, i, i % 2 == 0, must_not_skip, NULL);
    }
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* Many random graphs: needs lead to lower ranks of a shuffled order; every job ends once, none
 * starts before its needs have passed, and what is skipped has a need that did not pass. */
struct world {
    struct schedule *s;
    size_t n, n_edges, ended;
    size_t edge[400][2]; /* job, need */
    enum { FRESH, RUNNING, PASSED, FAILED, SKIPPED } what[40];
};

static void world_skip(void *data, size_t job, size_t because_of)
{
    struct world *w = data;
    bool is_need = false;

    assert_int_equal(w->what[job], FRESH);
    assert_true(w->what[because_of] == FAILED || w->what[because_of] == SKIPPED);
    for (size_t i = 0; i < w->n_edges; i++)
        is_need |= w->edge[i][0] == job && w->edge[i][1] == because_of;
    assert_true(is_need);
    w->what[job] = SKIPPED;
    w->ended++;
}

static void world_make(struct world *w, unsigned *seed)
{
    size_t rank[40];

    w->n = 1 + (size_t)rand_r(seed) % ARRAY_SIZE(rank);
    w->s = schedule_new(w->n);
    for (size_t i = 0; i < w->n; i++)
        rank[i] = i;
    for (size_t i = w->n; i-- > 1;) {
        size_t k = (size_t)rand_r(seed) % (i + 1), t = rank[i];

        rank[i] = rank[k];
        rank[k] = t;
    }
    for (size_t i = 0; i < w->n * 2 && w->n > 1; i++) {
        size_t a = (size_t)rand_r(seed) % w->n, b = (size_t)rand_r(seed) % w->n;

        if (rank[a] <= rank[b])
            continue;
        schedule_add_need(w->s, a, b, SCHEDULE_NEED_SUCCESS);
        w->edge[w->n_edges][0] = a;
        w->edge[w->n_edges++][1] = b;
    }
}

static void world_start(struct world *w)
{
    size_t job;

    while (schedule_next(w->s, SIZE_MAX, &job)) {
        assert_int_equal(w->what[job], FRESH);
        for (size_t i = 0; i < w->n_edges; i++)
            if (w->edge[i][0] == job)
                assert_int_equal(w->what[w->edge[i][1]], PASSED);
        w->what[job] = RUNNING;
    }
}

static void test_random_graphs(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct world w = {0};

        world_make(&w, &seed);
        for (world_start(&w); !schedule_done(w.s); world_start(&w)) {
            size_t job = (size_t)rand_r(&seed) % w.n;
            bool passed = rand_r(&seed) % 4 != 0;

            while (w.what[job] != RUNNING)
                job = (job + 1) % w.n;
            /* run again: it comes back before anything that needs it */
            if (rand_r(&seed) % 3 == 0) {
                schedule_again(w.s, job);
                w.what[job] = FRESH;
                assert_false(schedule_done(w.s));
                continue;
            }
            w.what[job] = passed ? PASSED : FAILED;
            w.ended++;
            schedule_ended(w.s, job, passed, world_skip, &w);
            assert_int_equal(schedule_done(w.s), w.ended == w.n);
        }
        assert_int_equal(w.ended, w.n);
        schedule_free(w.s);
    }
}

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
    assert_true(schedule_done(s));
    schedule_free(s);
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
    assert_true(schedule_done(s));
    schedule_free(s);
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
    assert_true(schedule_done(s));
    schedule_free(s);
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
    assert_true(schedule_done(s));
    schedule_free(s);
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
    schedule_ended(s, 0, true, NULL, NULL);
    for (size_t i = 1; i < 4; i++) {
        assert_true(schedule_next(s, 6, &job));
        assert_int_equal(job, i);
    }
    assert_false(schedule_next(s, 3, &job)); /* wants more than there is: not beside others */
    schedule_again(s, 1);
    assert_true(schedule_next(s, 4, &job)); /* run again, it takes what it gave back */
    assert_int_equal(job, 1);
    for (size_t i = 1; i < 4; i++)
        schedule_ended(s, i, true, NULL, NULL);
    assert_true(schedule_next(s, 6, &job)); /* but alone */
    assert_int_equal(job, 4);
    assert_false(schedule_next(s, 5, &job));
    schedule_ended(s, 4, true, NULL, NULL);
    assert_true(schedule_next(s, 6, &job));
    assert_int_equal(job, 5);
    schedule_ended(s, 5, true, NULL, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
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

static void assert_upcoming(struct schedule *s, size_t max, const size_t *expected, size_t n)
{
    size_t list[64];

    assert_int_equal(schedule_upcoming(s, list, max), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list[i], expected[i]);
}

/* What is listed is what comes next, and is not taken by that. */
static void test_upcoming(void **state)
{
    struct schedule *s = schedule_new(8);
    struct noted r = {0};

    (void)state;
    schedule_add_need(s, 1, 5, SCHEDULE_NEED_SUCCESS);
    schedule_add_need(s, 6, 0, SCHEDULE_NEED_SUCCESS);
    schedule_add_group(s, (const size_t[]){2, 3}, 2);
    assert_upcoming(s, 9, (const size_t[]){0, 4, 5, 7}, 4);
    assert_upcoming(s, 2, (const size_t[]){0, 4}, 2);
    assert_int_equal(schedule_waiting(s), 8);
    assert_next(s, 0);
    assert_next(s, 2);
    assert_next(s, 3);
    assert_next(s, 4);
    assert_next(s, 5);
    assert_upcoming(s, 9, (const size_t[]){7}, 1);
    schedule_ended(s, 5, true, NULL, NULL); /* whose turn comes before what was listed */
    schedule_again(s, 4);
    assert_upcoming(s, 9, (const size_t[]){1, 4, 7}, 3);
    schedule_ended(s, 0, false, on_skip, &r);
    assert_upcoming(s, 1, (const size_t[]){1}, 1);
    assert_int_equal(schedule_waiting(s), 3);
    schedule_abandon(s, on_each, &r);
    assert_upcoming(s, 9, NULL, 0);
    schedule_free(s);
}

/* Listing them keeps their order, whatever the heap looks like. */
static void test_upcoming_of_many(void **state)
{
    enum { N = 500, LISTED = 100 };
    struct schedule *s = schedule_new(N);
    size_t list[LISTED], job;

    (void)state;
    for (size_t i = 1; i < N; i++)
        schedule_add_need(s, i, 0, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    schedule_ended(s, 0, true, NULL, NULL);
    for (size_t i = 1; i < N; i++) /* and back again, the highest first */
        assert_next(s, i);
    for (size_t i = N - 1; i > 0; i--)
        schedule_again(s, i);
    assert_int_equal(schedule_upcoming(s, list, LISTED), LISTED);
    for (size_t i = 0; i < LISTED; i++) {
        assert_true(schedule_next(s, SIZE_MAX, &job));
        assert_int_equal(list[i], job);
    }
    schedule_free(s);
}

/* ---- pools ---- */

static void test_pool_bounds_how_many_run(void **state)
{
    const size_t pool[] = {0, 1, 2, 4};
    struct schedule *s = schedule_new(6);
    size_t upcoming[6];

    (void)state;
    schedule_add_pool(s, pool, 4, 2, false);
    schedule_add_need(s, 4, 5, SCHEDULE_NEED_SUCCESS);
    assert_next(s, 0);
    assert_next(s, 1);
    /* 2 would be the third of them, and holds up nobody */
    assert_int_equal(schedule_upcoming(s, upcoming, 6), 2);
    assert_int_equal(upcoming[0], 3);
    assert_next(s, 3);
    assert_next(s, 5);
    assert_none(s);
    schedule_ended(s, 5, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_none(s);
    schedule_ended(s, 1, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_next(s, 2);
    assert_none(s);
    /* who is run again may have to wait for a place too */
    schedule_again(s, 0);
    assert_next(s, 0);
    assert_none(s);
    schedule_ended(s, 0, SCHEDULE_FAILED, must_not_skip, NULL);
    assert_next(s, 4);
    schedule_ended(s, 2, SCHEDULE_PASSED, must_not_skip, NULL);
    schedule_ended(s, 3, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_none(s);
    schedule_ended(s, 4, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

static void test_pool_that_fails_fast(void **state)
{
    const size_t pool[] = {0, 1, 2, 3};
    struct noted skipped = {0};
    struct schedule *s = schedule_new(7);

    (void)state;
    schedule_add_pool(s, pool, 4, 0, true);
    schedule_add_need(s, 4, 2, SCHEDULE_NEED_SUCCESS); /* needs one that will not start */
    schedule_add_need(s, 5, 0, SCHEDULE_NEED_SUCCESS); /* and one that runs already */
    assert_next(s, 0);
    assert_next(s, 1);
    schedule_again(s, 1); /* it has run once: its next attempt is to come */
    schedule_ended(s, 0, SCHEDULE_FAILED, on_skip, &skipped);
    assert_int_equal(skipped.n, 4);
    assert_int_equal(skipped.job[0], 2);
    assert_int_equal(skipped.because_of[0], 0);
    assert_int_equal(skipped.job[1], 3);
    assert_int_equal(skipped.job[2] + skipped.job[3], 4 + 5);
    assert_next(s, 1);
    assert_next(s, 6);
    assert_none(s);
    schedule_ended(s, 1, SCHEDULE_FAILED, must_not_skip, NULL);
    schedule_ended(s, 6, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* A parked job may be skipped or abandoned before its turn comes. */
static void test_pool_of_whom_some_never_start(void **state)
{
    const size_t pool[] = {0, 1, 2};
    struct noted abandoned = {0};
    struct schedule *s = schedule_new(3);

    (void)state;
    schedule_add_pool(s, pool, 3, 1, false);
    assert_next(s, 0);
    assert_none(s);
    schedule_abandon(s, on_each, &abandoned);
    assert_int_equal(abandoned.n, 2);
    schedule_ended(s, 0, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_none(s);
    assert_true(schedule_done(s));
    schedule_free(s);
}

/* Each is parked and comes back once, so that very many cost no more than many. */
static void test_pool_of_very_many(void **state)
{
    const size_t n = 200000;
    size_t *pool = xcalloc(n, sizeof(*pool));
    struct schedule *s = schedule_new(n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        pool[i] = i;
    schedule_add_pool(s, pool, n, 1, true);
    for (size_t i = 0; i < n; i++) {
        assert_next(s, i);
        if (i % 1000 == 0)
            assert_none(s);
        schedule_ended(s, i, SCHEDULE_PASSED, must_not_skip, NULL);
    }
    assert_true(schedule_done(s));
    schedule_free(s);
    free(pool);
}

/* Starts what is ready by rank; needs hold all the same. */
static void test_ranks_say_who_is_first(void **state)
{
    struct schedule *s = schedule_new(5);
    size_t upcoming[5];

    (void)state;
    schedule_set_ranks(s, (const size_t[]){3, 0, 4, 2, 1});
    schedule_add_need(s, 1, 2, SCHEDULE_NEED_SUCCESS);
    assert_int_equal(schedule_upcoming(s, upcoming, 5), 4);
    assert_memory_equal(upcoming, ((const size_t[]){4, 3, 0, 2}), 4 * sizeof(size_t));
    assert_next(s, 4);
    assert_next(s, 3);
    schedule_again(s, 4);
    assert_next(s, 4);
    assert_next(s, 0);
    assert_next(s, 2);
    assert_none(s);
    schedule_ended(s, 2, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_next(s, 1);
    schedule_free(s);
}

/* The numbers of seed 0 are known (SplitMix64 begins with e220a8397b1dcdaf, 6e789e6aa1b965f4,
 * 06c45d188009454f); of 4, the remainders by 4, 3 and 2 change places. */
static void test_a_seed_makes_one_order(void **state)
{
    enum { N = 1000, FEW = 5, ROUNDS = 6000 };
    size_t ranks[N], again[N], first[FEW] = {0};
    bool seen[N] = {false};
    size_t expected[4] = {0, 1, 2, 3};
    const uint64_t numbers[] = {UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f4),
                                UINT64_C(0x06c45d188009454f)};

    (void)state;
    for (size_t i = 4; i > 1; i--) {
        size_t other = (size_t)(numbers[4 - i] % i), rank = expected[i - 1];

        expected[i - 1] = expected[other];
        expected[other] = rank;
    }
    shuffle_ranks(0, ranks, 4);
    assert_memory_equal(ranks, expected, sizeof(expected));
    shuffle_ranks(7, ranks, N);
    shuffle_ranks(7, again, N);
    assert_memory_equal(ranks, again, sizeof(ranks));
    shuffle_ranks(8, again, N);
    assert_memory_not_equal(ranks, again, sizeof(ranks));
    for (size_t i = 0; i < N; i++) {
        assert_true(ranks[i] < N && !seen[ranks[i]]);
        seen[ranks[i]] = true;
    }
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        shuffle_ranks(seed, ranks, FEW);
        first[ranks[0]]++;
    }
    for (size_t i = 0; i < FEW; i++) /* 1200 each, give or take six standard deviations */
        assert_in_range(first[i], 1200 - 186, 1200 + 186);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_say_who_is_first),
        cmocka_unit_test(test_a_seed_makes_one_order),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_independent_jobs_in_file_order),
        cmocka_unit_test(test_lowest_number_first),
        cmocka_unit_test(test_diamond),
        cmocka_unit_test(test_failing_top_of_a_diamond),
        cmocka_unit_test(test_failing_side_while_the_other_runs),
        cmocka_unit_test(test_the_same_need_twice),
        cmocka_unit_test(test_long_chain_passes),
        cmocka_unit_test(test_long_chain_is_skipped_without_recursion),
        cmocka_unit_test(test_one_need_of_many),
        cmocka_unit_test(test_abandon),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_again_and_abandoned),
        cmocka_unit_test(test_many_ready_in_order),
        cmocka_unit_test(test_many_blocked_jobs_cost_nothing),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_group_starts_together),
        cmocka_unit_test(test_group_waits_for_all_its_needs),
        cmocka_unit_test(test_group_is_skipped_as_a_whole),
        cmocka_unit_test(test_group_member_that_fails),
        cmocka_unit_test(test_group_is_abandoned),
        cmocka_unit_test(test_admission),
        cmocka_unit_test(test_group_is_admitted_as_one),
        cmocka_unit_test(test_upcoming),
        cmocka_unit_test(test_pool_bounds_how_many_run),
        cmocka_unit_test(test_pool_that_fails_fast),
        cmocka_unit_test(test_pool_of_whom_some_never_start),
        cmocka_unit_test(test_pool_of_very_many),
        cmocka_unit_test(test_upcoming_of_many),
        cmocka_unit_test(test_needs_of_a_job_that_passed),
        cmocka_unit_test(test_needs_of_a_job_that_failed),
        cmocka_unit_test(test_needs_of_a_job_that_was_allowed_to_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
