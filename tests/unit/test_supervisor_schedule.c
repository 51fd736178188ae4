/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervisor_schedule: which job is next, in every shape of needs, and what is listed as next.
 */
#include "test_schedule.h"

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
    add_diamond(s);
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
    expect_done(s);
}

/* Each is skipped once, with the need that failed or was skipped itself. */
static void test_failing_top_of_a_diamond(void **state)
{
    struct schedule *s = schedule_new(5);
    struct noted r = {0};

    (void)state;
    add_diamond(s);
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
    expect_done(s);
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
        expect_done(s);
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
    expect_done(s);
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
    expect_done(s);
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
    expect_done(s);
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
    expect_done(s);
}

/* What is repeated comes after all that is ready, and those that were repeated before it. */
static void test_repeated_jobs_take_turns(void **state)
{
    struct schedule *s = schedule_new(4);

    (void)state;
    schedule_add_need(s, 3, 2, SCHEDULE_NEED_SUCCESS);
    assert_true(schedule_is_needed(s, 2));
    assert_false(schedule_is_needed(s, 3));
    for (int i = 0; i < 3; i++) {
        assert_next(s, 0);
        schedule_repeat(s, 0);
        assert_next(s, 1);
        if (i == 0)
            assert_next(s, 2);
        schedule_repeat(s, 1);
    }
    schedule_ended(s, 2, SCHEDULE_PASSED, must_not_skip, NULL);
    assert_next(s, 3);
    assert_next(s, 0);
    assert_next(s, 1);
    assert_none(s);
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
    expect_done(s);
}

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

/* Ready jobs come in the order of their numbers whatever the order in which they became ready. */
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
    expect_done(s);
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
    expect_done(s);
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

/* One that is tried again alone waits until nothing runs, and nothing starts while it runs. */
static void test_alone(void **state)
{
    struct schedule *s = schedule_new(4);
    const size_t upcoming[] = {3, 0};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_next(s, i);
    schedule_set_alone(s, 0);
    assert_false(schedule_is_lone(s)); /* so far it runs beside others */
    schedule_repeat(s, 0);
    assert_upcoming(s, 4, upcoming, 2);
    assert_next(s, 3);
    assert_none(s);
    pass(s, 1);
    pass(s, 3);
    assert_none(s);
    schedule_again(s, 2); /* it was first, and would wait for ever */
    assert_next(s, 0);
    assert_true(schedule_is_lone(s));
    assert_none(s);
    schedule_again(s, 0);
    assert_false(schedule_is_lone(s));
    assert_next(s, 2);
    assert_none(s);
    pass(s, 2);
    assert_next(s, 0);
    pass(s, 0);
    expect_done(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_repeated_jobs_take_turns),
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
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_again_and_abandoned),
        cmocka_unit_test(test_needs_of_a_job_that_passed),
        cmocka_unit_test(test_needs_of_a_job_that_failed),
        cmocka_unit_test(test_needs_of_a_job_that_was_allowed_to_fail),
        cmocka_unit_test(test_many_ready_in_order),
        cmocka_unit_test(test_many_blocked_jobs_cost_nothing),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_upcoming),
        cmocka_unit_test(test_upcoming_of_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
