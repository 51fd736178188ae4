/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervisor_places: who has which places when, of jobs that share them by name. */
#include "test_schedule.h"

static void test_one_after_the_other(void **state)
{
    struct schedule *s = schedule_new(4);
    size_t places = schedule_add_places(s, 1), next[4];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        schedule_add_claim(s, i, places, 1);
    assert_next(s, 0);
    assert_int_equal(schedule_upcoming(s, next, 4), 1);
    assert_int_equal(next[0], 3);
    assert_next(s, 3); /* holds nobody else up */
    assert_none(s);
    pass(s, 0);
    assert_next(s, 1);
    assert_none(s);
    pass(s, 1);
    pass(s, 3);
    assert_next(s, 2);
    pass(s, 2);
    expect_done(s);
}

/* What wants few does not overtake what wants many. */
static void test_many_have_their_turn(void **state)
{
    struct schedule *s = schedule_new(5);
    size_t places = schedule_add_places(s, 4);
    static const uint64_t wanted[] = {2, 4, 1, 1, 3};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        schedule_add_claim(s, i, places, wanted[i]);
    assert_next(s, 0);
    assert_none(s);
    pass(s, 0);
    assert_next(s, 1);
    assert_none(s);
    pass(s, 1);
    assert_next(s, 2);
    assert_next(s, 3);
    assert_none(s); /* two of three places */
    pass(s, 2);
    assert_next(s, 4);
    assert_none(s);
    pass(s, 3);
    pass(s, 4);
    expect_done(s);
}

/* Keeps what one that waits has got, and nobody waits in a circle. */
static void test_several(void **state)
{
    struct schedule *s = schedule_new(4);
    size_t a = schedule_add_places(s, 1), b = schedule_add_places(s, 1);

    (void)state;
    schedule_add_claim(s, 0, b, 1);
    schedule_add_claim(s, 1, a, 1);
    schedule_add_claim(s, 1, b, 1);
    schedule_add_claim(s, 2, a, 1);
    schedule_add_claim(s, 3, a, 1);
    schedule_add_claim(s, 3, b, 1);
    assert_next(s, 0);
    assert_none(s);
    pass(s, 0);
    assert_next(s, 1);
    assert_none(s);
    pass(s, 1);
    assert_next(s, 2);
    assert_none(s);
    pass(s, 2);
    assert_next(s, 3);
    pass(s, 3);
    expect_done(s);
}

/* Makes way at once where who waits in front is skipped, and gives back what it had. */
static void test_skipped_while_it_waits(void **state)
{
    struct schedule *s = schedule_new(5);
    size_t a = schedule_add_places(s, 2), b = schedule_add_places(s, 1);
    static const size_t siblings[] = {1, 3};
    struct noted r = {0};

    (void)state;
    schedule_add_pool(s, siblings, 2, 0, true); /* fail-fast */
    schedule_add_claim(s, 0, a, 1);
    schedule_add_claim(s, 1, a, 1);
    schedule_add_claim(s, 1, b, 1);
    schedule_add_claim(s, 2, b, 1);
    schedule_add_claim(s, 4, a, 1);
    schedule_set_ranks(s, (const size_t[]){0, 3, 1, 2, 4});
    assert_next(s, 0);
    assert_next(s, 2);
    assert_next(s, 3);
    assert_none(s); /* 1 has the rest of a and waits for b; 4 waits for a */
    schedule_ended(s, 3, SCHEDULE_FAILED, on_skip, &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.job[0], 1);
    assert_next(s, 4);
    pass(s, 4);
    pass(s, 2);
    pass(s, 0);
    expect_done(s);
}

static void test_again_and_held(void **state)
{
    struct schedule *s = schedule_new(3);
    size_t a = schedule_add_places(s, 1);
    struct noted abandoned = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        schedule_add_claim(s, i, a, 1);
    assert_next(s, 0);
    assert_none(s);
    schedule_hold(s, 0); /* until its retry it has nothing */
    assert_next(s, 1);
    schedule_release(s, 0);
    assert_none(s);
    schedule_again(s, 1);
    assert_next(s, 2); /* which waits for longest */
    assert_none(s);
    schedule_abandon(s, on_each, &abandoned);
    assert_int_equal(abandoned.n, 2);
    pass(s, 2);
    assert_none(s);
    expect_done(s);
}

/* Whose turn in a pool it is, and who lacks places then, leaves the turn to the next of the pool.
 */
static void test_places_and_pools(void **state)
{
    struct schedule *s = schedule_new(5);
    size_t a = schedule_add_places(s, 1);

    (void)state;
    schedule_add_pool(s, (const size_t[]){1, 2, 3}, 3, 1, false);
    schedule_add_claim(s, 0, a, 1);
    schedule_add_claim(s, 2, a, 1);
    schedule_set_ranks(s, (const size_t[]){0, 1, 2, 3, 4});
    assert_next(s, 0);
    assert_next(s, 1);
    assert_next(s, 4);
    assert_none(s); /* 2 and 3 wait for 1 */
    pass(s, 1);
    assert_next(s, 3); /* 2 waits for 0 */
    assert_none(s);
    pass(s, 0);
    assert_none(s); /* it has its place now, and 3 runs */
    pass(s, 3);
    assert_next(s, 2);
    pass(s, 2);
    pass(s, 4);
    expect_done(s);
}

/* Takes them in one order, however they were told. */
static void test_told_in_any_order(void **state)
{
    struct schedule *s = schedule_new(3);
    size_t a = schedule_add_places(s, 1), b = schedule_add_places(s, 1);

    (void)state;
    schedule_add_claim(s, 0, b, 1);
    schedule_add_claim(s, 1, b, 1);
    schedule_add_claim(s, 1, a, 1);
    schedule_add_claim(s, 2, a, 1);
    assert_next(s, 0);
    assert_none(s); /* 1 has a and waits for b, and 2 for a */
    pass(s, 0);
    assert_next(s, 1);
    assert_none(s);
    pass(s, 1);
    assert_next(s, 2);
    schedule_free(s);
}

/* Passes nobody over, whatever they want and whoever ends: none is lost or run twice. */
static void test_at_random(void **state)
{
    enum { N = 400, PLACES = 3 };
    uint64_t seed = 7, taken[PLACES] = {0}, wanted[N][PLACES] = {{0}};
    static const uint64_t there[PLACES] = {1, 3, 8};
    struct schedule *s = schedule_new(N);
    size_t running[N], n = 0, job;

    (void)state;
    for (size_t p = 0; p < PLACES; p++)
        assert_int_equal(schedule_add_places(s, there[p]), p);
    for (size_t i = 0; i < N; i++)
        for (size_t p = 0; p < PLACES; p++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            wanted[i][p] = (seed >> 60) % 3 == 0 ? 1 + (seed >> 40) % there[p] : 0;
            if (wanted[i][p] > 0)
                schedule_add_claim(s, i, p, wanted[i][p]);
        }
    for (size_t ended = 0; ended < N; ended++) {
        while (n < 16 && schedule_next(s, SIZE_MAX, &job)) {
            running[n++] = job;
            for (size_t p = 0; p < PLACES; p++) {
                taken[p] += wanted[job][p];
                assert_true(taken[p] <= there[p]);
            }
        }
        assert_true(n > 0); /* nobody waits for nobody */
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        job = (size_t)(seed >> 33) % n;
        for (size_t p = 0; p < PLACES; p++)
            taken[p] -= wanted[running[job]][p];
        pass(s, running[job]);
        running[job] = running[--n];
    }
    expect_done(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_many_have_their_turn),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_skipped_while_it_waits),
        cmocka_unit_test(test_again_and_held),
        cmocka_unit_test(test_places_and_pools),
        cmocka_unit_test(test_told_in_any_order),
        cmocka_unit_test(test_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
