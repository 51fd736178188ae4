/* SPDX-License-Identifier: Apache-2.0 */
/* test_jobs_tty: `tty` of a job, and what does not go with it. */
#include "test_jobs.h"

static void test_of_jobs(void **state)
{
    struct loaded r = load_good("cupel: 1\ndefaults: {tty: true}\njobs:\n"
                                "  a: {run: x, expect: {stdout: y}}\n"
                                "  b: {tty: false, run: x, expect: {stderr: y}}\n");

    (void)state;
    assert_true(r.plan->jobs[0].tty);
    assert_false(r.plan->jobs[1].tty);
    unload(&r);
}

static void test_mistakes(void **state)
{
    static const struct mistake table[] = {
        {"cupel: 1\njobs:\n  x: {tty: 80x24, run: x}\n",
         "3:12: 'tty' must be true or false, not '80x24'\n"},
        {"cupel: 1\njobs:\n  x: {tty: true, run: x, expect: {stderr: y}}\n",
         "3:3: job 'x' has 'tty', where standard error is what standard output is: expect all of "
         "it in 'stdout'\n"},
        {"cupel: 1\njobs:\n  x: {tty: true, run: [{run: x, limits: {stderr: 1K}}]}\n",
         "3:3: job 'x' has 'tty', where standard error is what standard output is: limit all of "
         "it with 'output'\n"},
        {"cupel: 1\njobs:\n  x: {tty: true, run: x, devices: [zero]}\n",
         "3:3: job 'x' has 'tty', and 'devices' without 'pts', where it would be\n"},
    };

    (void)state;
    check_mistakes(table, ARRAY_SIZE(table));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_jobs),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
