/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_checker: what a checker's exit code and words come to, and whose fault is what. */
#include "harness/attempt/checker_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool number(const char *text, uint64_t *ret)
{
    return checker_protocol_number(text, strlen(text), ret);
}

static void test_numbers(void **state)
{
    static const char *const wrong[] = {
        "",    ".",     "-1",         "-1e-300",
        "1e",  "1e10",  "1e999",      "1e99999999999999999999",
        "nan", "inf",   "0x1",        "1 2",
        "1,5", "1.2.3", "1000000001", "99999999999999999999999999999999",
        "0.1a"};
    uint64_t v = 77;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_false(number(wrong[i], &v));
    assert_false(checker_protocol_number("1\0", 2, &v));
    assert_int_equal(v, 77);
    assert_true(number("0", &v));
    assert_int_equal(v, 0);
    assert_true(number(" 7.25\n", &v));
    assert_int_equal(v, UINT64_C(7250000000));
    assert_true(number(".5", &v));
    assert_int_equal(v, 500000000);
    assert_true(number("1.", &v));
    assert_int_equal(v, REPORTS_SCORE_SCALE);
    assert_true(number("0.12345678999", &v));
    assert_int_equal(v, 123456789);
    /* as programs print what is very small: it is nearly nothing, and no fault */
    assert_true(number("1e-05\n", &v));
    assert_int_equal(v, 10000);
    assert_true(number("9.99e-300", &v));
    assert_int_equal(v, 0);
    assert_true(number("-0.0", &v));
    assert_int_equal(v, 0);
    assert_true(number("2.5E+1", &v));
    assert_int_equal(v, UINT64_C(25000000000));
    assert_true(number("1000000000", &v));
    assert_int_equal(v, CHECKED_SCORE_MAX);
}

static struct checker_text text(const char *s)
{
    return (struct checker_text){s, s != NULL ? strlen(s) : 0};
}

static struct judgement judged;
static struct checked checked;

static void forget(void)
{
    free(checked.for_all);
    free(checked.for_staff);
    checked = (struct checked){.for_all = NULL};
}

static enum reports_verdict judge(enum jobs_protocol protocol, enum jobs_checked meaning,
                                  const struct checker_words *words)
{
    struct jobs_checker c = {.protocol = protocol};

    c.meaning[words->exit] = (uint8_t)meaning;
    forget();
    checker_protocol_judge(&c, words, &judged, &checked);
    return judged.verdict;
}

static void test_exit_codes(void **state)
{
    static const struct {
        enum jobs_checked meaning;
        enum reports_verdict verdict;
    } all[] = {
        {JOBS_CHECKED_NOTHING, REPORTS_ERROR},        {JOBS_CHECKED_RIGHT, REPORTS_PASSED},
        {JOBS_CHECKED_WRONG, REPORTS_FAILED},         {JOBS_CHECKED_PRESENTATION, REPORTS_FAILED},
        {JOBS_CHECKED_FAIL, REPORTS_ERROR},           {JOBS_CHECKED_DIRT, REPORTS_FAILED},
        {JOBS_CHECKED_UNEXPECTED_END, REPORTS_FAILED}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct checker_words w = {.exit = 7};

        assert_int_equal(judge(JOBS_PROTOCOL_EXIT, all[i].meaning, &w), all[i].verdict);
        assert_int_equal(judged.evidence[0] == '\0', all[i].verdict == REPORTS_PASSED);
        assert_false(checked.has_score || checked.has_multiplier);
    }
}

static void test_kattis_scores(void **state)
{
    struct checker_words w = {.exit = 42, .score = text("12.5\n")};

    (void)state;
    assert_int_equal(judge(JOBS_PROTOCOL_KATTIS, JOBS_CHECKED_RIGHT, &w), REPORTS_PASSED);
    assert_true(checked.has_score && !checked.has_multiplier);
    assert_int_equal(checked.score, UINT64_C(12500000000));
    assert_int_equal(judge(JOBS_PROTOCOL_KATTIS, JOBS_CHECKED_WRONG, &w), REPORTS_ERROR);
    assert_false(checked.has_score);
    w.multiplier = text("1");
    assert_int_equal(judge(JOBS_PROTOCOL_KATTIS, JOBS_CHECKED_RIGHT, &w), REPORTS_ERROR);
    assert_false(checked.has_score || checked.has_multiplier);
    w.score = text(NULL);
    assert_int_equal(judge(JOBS_PROTOCOL_KATTIS, JOBS_CHECKED_RIGHT, &w), REPORTS_PASSED);
    assert_int_equal(checked.multiplier, REPORTS_SCORE_SCALE);
    w.multiplier = text("1.5");
    assert_int_equal(judge(JOBS_PROTOCOL_KATTIS, JOBS_CHECKED_RIGHT, &w), REPORTS_ERROR);
    w.multiplier = text("");
    assert_int_equal(judge(JOBS_PROTOCOL_KATTIS, JOBS_CHECKED_RIGHT, &w), REPORTS_ERROR);
}

static void test_messages(void **state)
{
    struct checker_words w = {.exit = 42,
                              .err = text("printed"),
                              .judge_message = text(" secret\n\n"),
                              .team_message = {"a\0b", 3}};

    (void)state;
    assert_int_equal(judge(JOBS_PROTOCOL_KATTIS, JOBS_CHECKED_RIGHT, &w), REPORTS_PASSED);
    assert_string_equal(checked.for_staff, "secret");
    assert_string_equal(checked.for_all, "ab");
    w.judge_message = text("  \n");
    assert_int_equal(judge(JOBS_PROTOCOL_KATTIS, JOBS_CHECKED_NOTHING, &w), REPORTS_ERROR);
    assert_string_equal(checked.for_staff, "printed");
    w = (struct checker_words){.exit = 1, .err = text("expected 3")};
    assert_int_equal(judge(JOBS_PROTOCOL_TESTLIB, JOBS_CHECKED_WRONG, &w), REPORTS_FAILED);
    assert_string_equal(checked.for_staff, "expected 3");
    assert_null(checked.for_all);
    assert_null(strstr(judged.evidence, "3"));
}

static void test_points(void **state)
{
    struct checker_words w = {.exit = 7, .err = text("points 0.75 good\n")};

    (void)state;
    assert_int_equal(judge(JOBS_PROTOCOL_TESTLIB, JOBS_CHECKED_POINTS, &w), REPORTS_PASSED);
    assert_int_equal(checked.score, 750000000);
    w.err = text("0");
    assert_int_equal(judge(JOBS_PROTOCOL_TESTLIB, JOBS_CHECKED_POINTS, &w), REPORTS_FAILED);
    assert_true(checked.has_score);
    w.err = text("many");
    assert_int_equal(judge(JOBS_PROTOCOL_TESTLIB, JOBS_CHECKED_POINTS, &w), REPORTS_ERROR);
    assert_false(checked.has_score);
}

static void test_outcomes(void **state)
{
    struct checker_words w = {.exit = 0, .out = text("0.5\nmore\n"), .err = text("half")};

    (void)state;
    assert_int_equal(judge(JOBS_PROTOCOL_CMS, JOBS_CHECKED_POINTS, &w), REPORTS_PASSED);
    assert_true(checked.has_multiplier && !checked.has_score);
    assert_int_equal(checked.multiplier, 500000000);
    assert_string_equal(checked.for_all, "half");
    assert_null(checked.for_staff);
    w.out = text("0.0");
    assert_int_equal(judge(JOBS_PROTOCOL_CMS, JOBS_CHECKED_POINTS, &w), REPORTS_FAILED);
    w.out = text("1.1");
    assert_int_equal(judge(JOBS_PROTOCOL_CMS, JOBS_CHECKED_POINTS, &w), REPORTS_ERROR);
    w.out = text("");
    assert_int_equal(judge(JOBS_PROTOCOL_CMS, JOBS_CHECKED_POINTS, &w), REPORTS_ERROR);
    forget();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_kattis_scores), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_points),        cmocka_unit_test(test_outcomes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
