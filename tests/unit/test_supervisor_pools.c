/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervisor_pools: how many instances of a job run at once, and in which order jobs start. */
#include "harness/supervisor/shuffle.h"
#include "test_schedule.h"

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
    expect_done(s);
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
    expect_done(s);
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
    expect_done(s);
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
    expect_done(s);
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
        cmocka_unit_test(test_pool_bounds_how_many_run),
        cmocka_unit_test(test_pool_that_fails_fast),
        cmocka_unit_test(test_pool_of_whom_some_never_start),
        cmocka_unit_test(test_pool_of_very_many),
        cmocka_unit_test(test_ranks_say_who_is_first),
        cmocka_unit_test(test_a_seed_makes_one_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
