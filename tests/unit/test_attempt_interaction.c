/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_interaction: who ended first, the job or the program that talks with it and judges
 * it, and what that makes of the job. */
#include "harness/attempt/interaction.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Moments: the sign of an end, and the end as PID 1 has seen it. */
static const struct order {
    const char *what;
    struct interaction_end job, judge;
    bool outlived, judge_is_first;
} orders[] = {
    {"one after the other", {10, 11}, {20, 21}, false, false},
    {"the other after the one", {20, 21}, {10, 11}, false, true},
    {"the job's PID 1 is late to see it, and the judge answers its end",
     {10, 40},
     {20, 21},
     false,
     false},
    {"the judge's PID 1 is late to see it, and the job answers its end",
     {20, 21},
     {10, 40},
     false,
     true},
    {"at once", {10, 20}, {10, 20}, false, false},
    {"no sign but the end", {0, 20}, {0, 10}, false, true},
    {"no sign but the end, at once", {0, 10}, {0, 10}, false, false},
    {"a sign after the end is none", {30, 20}, {25, 26}, false, false},
    {"the job closed its output long before, and was seen alive", {5, 90}, {20, 21}, true, true},
    {"the judge closed its output long before", {50, 60}, {5, 90}, false, true},
    {"the judge closed its output before, and the job was gone by then",
     {10, 11},
     {12, 90},
     false,
     false},
    {"a limit struck the job before", {10, 10}, {20, 30}, false, false},
    {"a limit struck the job afterwards", {90, 90}, {20, 30}, false, true},
    {"the judge never began", {10, 11}, {0, 0}, false, true},
};

static void test_orders(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        struct interaction x = {
            .job = orders[i].job, .judge = orders[i].judge, .outlived = orders[i].outlived};

        if (interaction_judge_was_first(&x) != orders[i].judge_is_first)
            fail_msg("%s", orders[i].what);
    }
}

/* Every end of the job's with every one of the judge's, and what comes of it: REPORTS_PASSED leaves
 * the job's own verdict. */
static const struct ends {
    enum reports_verdict job, judge;
    bool judge_first, lost;
    int signal;
    const char *too_long;
    enum reports_verdict result;
} ends[] = {
    /* the judge accepts */
    {REPORTS_PASSED, REPORTS_PASSED, true, false, 0, NULL, REPORTS_PASSED},
    {REPORTS_PASSED, REPORTS_PASSED, false, false, 0, NULL, REPORTS_PASSED},
    {REPORTS_SIGNALED, REPORTS_PASSED, true, false, 0, NULL, REPORTS_PASSED},
    {REPORTS_TIMEOUT, REPORTS_PASSED, false, false, 0, NULL, REPORTS_PASSED},
    /* it rejects */
    {REPORTS_PASSED, REPORTS_FAILED, true, false, 0, NULL, REPORTS_FAILED},
    {REPORTS_PASSED, REPORTS_FAILED, false, false, 0, NULL, REPORTS_FAILED},
    {REPORTS_PASSED, REPORTS_FAILED, false, true, 0, NULL, REPORTS_FAILED},
    {REPORTS_SIGNALED, REPORTS_FAILED, true, false, 0, NULL, REPORTS_FAILED},
    {REPORTS_TIMEOUT, REPORTS_FAILED, true, false, 0, NULL, REPORTS_FAILED},
    {REPORTS_MEMORY_LIMIT, REPORTS_FAILED, true, false, 0, NULL, REPORTS_FAILED},
    {REPORTS_OUTPUT_LIMIT, REPORTS_FAILED, true, false, 0, NULL, REPORTS_FAILED},
    {REPORTS_SIGNALED, REPORTS_FAILED, false, false, 0, NULL, REPORTS_PASSED},
    {REPORTS_TIMEOUT, REPORTS_FAILED, false, false, 0, NULL, REPORTS_PASSED},
    {REPORTS_OUTPUT_LIMIT, REPORTS_FAILED, false, true, 0, NULL, REPORTS_PASSED},
    /* it is at fault */
    {REPORTS_PASSED, REPORTS_ERROR, true, false, SIGSEGV, NULL, REPORTS_ERROR},
    {REPORTS_SIGNALED, REPORTS_ERROR, true, false, SIGSEGV, NULL, REPORTS_ERROR},
    {REPORTS_PASSED, REPORTS_ERROR, true, false, SIGPIPE, NULL, REPORTS_ERROR},
    {REPORTS_PASSED, REPORTS_ERROR, false, false, SIGSEGV, NULL, REPORTS_ERROR},
    {REPORTS_PASSED, REPORTS_ERROR, false, false, 0, NULL, REPORTS_ERROR},
    {REPORTS_PASSED, REPORTS_ERROR, false, false, 0, "too long", REPORTS_ERROR},
    {REPORTS_PASSED, REPORTS_CANCELLED, false, false, SIGKILL, "too long", REPORTS_ERROR},
    {REPORTS_SIGNALED, REPORTS_ERROR, false, false, SIGSEGV, NULL, REPORTS_PASSED},
    {REPORTS_FAILED, REPORTS_ERROR, false, false, 0, NULL, REPORTS_PASSED},
    /* that is of the job's making: it was gone while the judge was still talking to it */
    {REPORTS_PASSED, REPORTS_ERROR, false, true, 0, NULL, REPORTS_FAILED},
    {REPORTS_PASSED, REPORTS_ERROR, false, false, SIGPIPE, NULL, REPORTS_ERROR},
    {REPORTS_PASSED, REPORTS_ERROR, false, true, SIGPIPE, NULL, REPORTS_FAILED},
    /* as where it closed its input, and lived on */
    {REPORTS_PASSED, REPORTS_ERROR, true, true, SIGPIPE, NULL, REPORTS_FAILED},
    {REPORTS_SIGNALED, REPORTS_ERROR, true, true, SIGPIPE, NULL, REPORTS_FAILED},
    {REPORTS_SIGNALED, REPORTS_ERROR, false, true, SIGPIPE, NULL, REPORTS_PASSED},
};

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        const struct ends *e = &ends[i];
        struct judgement own = {.verdict = e->job};
        struct interactor_facts got;
        struct interaction x = {
            .job = {.ended_ns = e->judge_first ? 20 : 10},
            .judge = {.ended_ns = e->judge_first ? 10 : 20},
            .lost = e->lost,
            .too_long = e->too_long,
            .said = {.verdict = e->judge, .signal = e->signal, .evidence = "what it said"}};

        interaction_judge(&x, &own, &got);
        if (got.verdict != e->result)
            fail_msg("row %zu: verdict %d", i, (int)got.verdict);
        if (got.verdict == REPORTS_PASSED)
            assert_string_equal(got.evidence, "");
        else if (e->too_long != NULL)
            assert_string_equal(got.evidence, e->too_long);
        else if (e->judge != REPORTS_FAILED && got.verdict == REPORTS_FAILED)
            assert_string_equal(got.evidence, "the job ended, or closed its end, before the "
                                              "interactor was done with it (what it said)");
        else
            assert_string_equal(got.evidence, "what it said");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
