/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_score: how many points a submission has, whose verdict it has, and when it has none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reports/reports.h"

#define W REPORTS_SCORE_WHOLE
#define P 1000 /* a point */

/* A submission of four cases: one of 10 points beside a group of 90 with three of 30. */
struct scene {
    struct reports_score_group groups[2];
    struct reports_score_case cases[4];
    struct reports_score got;
};

static struct scene scene(enum reports_score_mode mode)
{
    return (struct scene){
        .groups = {{.name = "", .points = 100 * P},
                   {.name = "secret", .points = 90 * P, .mode = mode}},
        .cases = {{0, 10 * P, REPORTS_PASSED, W, true},
                  {1, 30 * P, REPORTS_PASSED, W, true},
                  {1, 30 * P, REPORTS_PASSED, W, true},
                  {1, 30 * P, REPORTS_PASSED, W, true}},
    };
}

static void count(struct scene *s, unsigned before)
{
    memset(&s->got, 0x5a, sizeof(s->got));
    reports_score(s->groups, 2, s->cases, 4, before, &s->got);
}

static void expect_score(struct scene *s, unsigned verdict, size_t first_bad, uint64_t score)
{
    count(s, REPORTS_PASSED);
    assert_true(s->got.graded);
    assert_int_equal(s->got.verdict, verdict);
    assert_int_equal(s->got.first_bad, first_bad);
    assert_int_equal(s->got.score, score);
}

static void test_sum(void **state)
{
    struct scene s = scene(REPORTS_SCORE_SUM);

    (void)state;
    expect_score(&s, REPORTS_PASSED, REPORTS_SCORE_NOBODY, 100 * P);
    s.cases[2].verdict = REPORTS_TIMEOUT;
    expect_score(&s, REPORTS_TIMEOUT, 2, 70 * P);
    s.cases[1].verdict = REPORTS_FAILED;
    expect_score(&s, REPORTS_FAILED, 1, 40 * P);
    s.cases[3].multiplier = W / 2;
    expect_score(&s, REPORTS_FAILED, 1, 25 * P);
    assert_int_equal(s.groups[1].score, 15 * P);
}

static void test_min(void **state)
{
    struct scene s = scene(REPORTS_SCORE_MIN);

    (void)state;
    expect_score(&s, REPORTS_PASSED, REPORTS_SCORE_NOBODY, 100 * P);
    s.cases[1].multiplier = W / 2;
    s.cases[2].multiplier = W / 3; /* a third of 90, to the nearest thousandth */
    expect_score(&s, REPORTS_PASSED, REPORTS_SCORE_NOBODY, 40 * P);
    s.cases[3].verdict = REPORTS_SIGNALED;
    expect_score(&s, REPORTS_SIGNALED, 3, 10 * P);
}

static void test_pass(void **state)
{
    struct scene s = scene(REPORTS_SCORE_PASS);

    (void)state;
    s.cases[1].multiplier = W / 2; /* it has passed all the same */
    expect_score(&s, REPORTS_PASSED, REPORTS_SCORE_NOBODY, 100 * P);
    s.cases[3].verdict = REPORTS_FAILED;
    expect_score(&s, REPORTS_FAILED, 3, 10 * P);
}

/* all (min, 60): a (sum, 20): one case; b (pass, 0): one case. */
static void test_nested(void **state)
{
    struct reports_score_group groups[] = {
        {.name = "", .points = 60 * P},
        {.name = "all", .parent = 0, .points = 60 * P, .mode = REPORTS_SCORE_MIN},
        {.name = "all/a", .parent = 1, .points = 20 * P},
        {.name = "all/b", .parent = 1, .points = 0, .mode = REPORTS_SCORE_PASS}};
    struct reports_score_case cases[] = {{2, 20 * P, REPORTS_PASSED, W / 4, true},
                                         {3, 0, REPORTS_PASSED, W, true}};
    struct reports_score got;

    (void)state;
    reports_score(groups, 4, cases, 2, REPORTS_PASSED, &got);
    assert_true(got.graded);
    assert_int_equal(groups[2].score, 5 * P);
    assert_int_equal(got.score, 15 * P); /* a quarter, as the worse group has it */
    cases[1].verdict = REPORTS_FAILED;   /* worth nothing, and still the worst */
    reports_score(groups, 4, cases, 2, REPORTS_PASSED, &got);
    assert_int_equal(got.score, 0);
}

/* What is not the submission's own doing is neither no points nor all of them. */
static void test_ungraded(void **state)
{
    static const unsigned unfair[] = {REPORTS_ERROR, REPORTS_SKIPPED, REPORTS_CANCELLED,
                                      REPORTS_VERDICT_COUNT};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(unfair); i++) {
        struct scene s = scene(REPORTS_SCORE_SUM);

        s.cases[0].verdict = REPORTS_FAILED;
        s.cases[3].verdict = unfair[i];
        count(&s, REPORTS_PASSED);
        assert_false(s.got.graded);
        assert_int_equal(s.got.verdict, unfair[i]);
        assert_int_equal(s.got.first_bad, 3);
        s.cases[3].verdict = REPORTS_PASSED;
        count(&s, unfair[i]);
        assert_false(s.got.graded);
        assert_int_equal(s.got.verdict, unfair[i]);
    }
}

static void test_missing(void **state)
{
    struct scene s = scene(REPORTS_SCORE_SUM);

    (void)state;
    s.cases[1] = (struct reports_score_case){.group = 1, .points = 30 * P};
    count(&s, REPORTS_PASSED);
    assert_false(s.got.graded);
    assert_int_equal(s.got.first_bad, 1);
}

static void test_compile_error(void **state)
{
    struct scene s = scene(REPORTS_SCORE_SUM);

    (void)state;
    for (size_t i = 0; i < 4; i++)
        s.cases[i].verdict = REPORTS_NOT_RUN;
    count(&s, REPORTS_COMPILE_ERROR);
    assert_true(s.got.graded);
    assert_int_equal(s.got.verdict, REPORTS_COMPILE_ERROR);
    assert_int_equal(s.got.score, 0);
}

/* Whatever kept cases from being run, a submission with such ones has not passed. */
static void test_not_run(void **state)
{
    struct scene s = scene(REPORTS_SCORE_SUM);

    (void)state;
    s.cases[2].verdict = s.cases[3].verdict = REPORTS_NOT_RUN;
    expect_score(&s, REPORTS_NOT_RUN, 2, 40 * P);
    s.cases[3].verdict = REPORTS_FAILED;
    expect_score(&s, REPORTS_FAILED, 3, 40 * P);
}

/* Every verdict that is new has to be thought of: fair or not. */
static void test_fair(void **state)
{
    (void)state;
    for (unsigned v = 0; v < REPORTS_VERDICT_COUNT; v++)
        assert_int_equal(reports_verdict_is_fair(v),
                         v != REPORTS_ERROR && v != REPORTS_SKIPPED && v != REPORTS_CANCELLED);
    assert_false(reports_verdict_is_fair(REPORTS_VERDICT_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum),      cmocka_unit_test(test_min),
        cmocka_unit_test(test_pass),     cmocka_unit_test(test_nested),
        cmocka_unit_test(test_ungraded), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_fair),     cmocka_unit_test(test_compile_error),
        cmocka_unit_test(test_not_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
