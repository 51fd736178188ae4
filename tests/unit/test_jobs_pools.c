/* SPDX-License-Identifier: Apache-2.0 */
/* test_jobs_pools: what jobs of a file share by name (`pools`, `exclusive`), and `slots`. */
#include "test_jobs.h"

static void test_what_a_job_has(void **state)
{
    struct loaded r = load("cupel: 1\npools: {a: 4, b: 1}\ndefaults: {exclusive: b}\njobs:\n"
                           "  x: {exclusive: {b: 1, a: 2}, slots: 3, run: x}\n"
                           "  y: {exclusive: a, run: x}\n"
                           "  z: {run: x}\n"
                           "  none: {exclusive: [], run: x}\n");
    const struct jobs_job *jobs;

    (void)state;
    assert_non_null(r.plan);
    jobs = r.plan->jobs;
    assert_int_equal(r.plan->n_pools, 2);
    assert_int_equal(r.plan->pools[0].places, 4);
    assert_int_equal(jobs[0].n_claims, 2);
    assert_int_equal(jobs[0].claims[0].pool, 0); /* in the order of the pools */
    assert_int_equal(jobs[0].claims[0].places, 2);
    assert_int_equal(jobs[0].claims[1].pool, 1);
    assert_int_equal(jobs[0].claims[1].places, 1);
    assert_int_equal(jobs[0].slots, 3);
    assert_int_equal(jobs[1].n_claims, 1);
    assert_int_equal(jobs[1].claims[0].places, 4); /* a name alone: all of it */
    assert_int_equal(jobs[1].slots, 1);
    assert_int_equal(jobs[2].n_claims, 1);
    assert_int_equal(jobs[2].claims[0].pool, 1);
    assert_int_equal(jobs[3].n_claims, 0);
    unload(&r);
}

static void test_names_without_pools(void **state)
{
    struct loaded r = load("cupel: 1\njobs:\n  x: {exclusive: [p, q], run: x}\n"
                           "  y: {exclusive: q, run: x}\n");

    (void)state;
    assert_non_null(r.plan);
    assert_int_equal(r.plan->n_pools, 2);
    assert_int_equal(r.plan->pools[1].places, 1);
    assert_int_equal(r.plan->jobs[1].claims[0].pool, 1);
    unload(&r);
}

/* Lays what `defaults` say below it, as below every map; names replace. */
static void test_below_what_a_job_says(void **state)
{
    struct loaded r = load_good("cupel: 1\npools: {a: 4, b: 3, c: 2}\ndefaults: {exclusive: {b: 2, "
                                "a: 1}}\njobs:\n"
                                "  x: {exclusive: {c: 1, b: 1}, run: x}\n"
                                "  y: {exclusive: c, run: x}\n"
                                "  z: {run: x}\n");
    const struct jobs_claim *claims = r.plan->jobs[0].claims;

    (void)state;
    assert_int_equal(r.plan->jobs[0].n_claims, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(claims[i].pool, i);
        assert_int_equal(claims[i].places, 1);
    }
    assert_int_equal(r.plan->jobs[1].n_claims, 1);
    assert_true(r.plan->jobs[1].claims[0].whole);
    assert_int_equal(r.plan->jobs[2].n_claims, 2);
    assert_int_equal(r.plan->jobs[2].claims[1].places, 2);
    unload(&r);
}

/* A file that says how many places there are, and one that does not. */
static void test_files_of_a_run(void **state)
{
    struct loaded four = load_good("cupel: 1\npools: {a: 4}\njobs: {x: {run: x}}\n");
    struct loaded two = load_good("cupel: 1\n\npools: {b: 1, a: 2}\njobs: {x: {run: x}}\n");
    struct loaded none = load_good("cupel: 1\njobs: {x: {exclusive: a, run: x}}\n");
    struct jobs_plan *good[] = {none.plan, four.plan, none.plan, four.plan};
    struct jobs_plan *bad[] = {four.plan, none.plan, two.plan};
    struct cupel_error err;

    (void)state;
    assert_int_equal(jobs_pools_agree(good, 4, &err), 0);
    assert_true(jobs_pools_agree(bad, 3, &err) < 0);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_string_equal(err.message, "f.yaml:3: 'pools' says that 'a' has 2 places, and f.yaml:2 "
                                     "that it has 4");
    unload(&four);
    unload(&two);
    unload(&none);
}

static void test_mistakes(void **state)
{
    static const struct mistake table[] = {
        {"cupel: 1\npools: {a: 4}\njobs:\n  x: {exclusive: {a: 5}, run: x}\n",
         "4:22: 'exclusive' wants 5 places of 'a', which has 4 (line 2): the job could never "
         "start; "
         "write at most 4\n"},
        {"cupel: 1\npools: {licence: 4}\njobs:\n  x: {exclusive: licences, run: x}\n",
         "4:18: 'pools' has no 'licences'; did you mean 'licence'?\n"},
        {"cupel: 1\njobs:\n  x: {exclusive: {q: 1}, run: x}\n",
         "3:19: 'pools' has no 'q'; write 'pools: {q: 1}' at the top level\n"},
        {"cupel: 1\njobs:\n  x: {exclusive: q, run: x}\n  y: {exclusive: {q: 2}, run: x}\n",
         "4:19: 'pools' has no 'q'; write 'pools: {q: 1}' at the top level\n"},
        {"cupel: 1\njobs:\n  x: {exclusive: [q, q], run: x}\n",
         "3:22: 'exclusive' names 'q' twice\n"},
        {"cupel: 1\npools: {q: 0}\njobs:\n  x: {exclusive: {q: 1}, slots: 1025, run: x}\n",
         "2:12: 'q' must be between 1 and 1024, not 0\n"
         "4:33: 'slots' must be between 1 and 1024, not 1025\n"},
        {"cupel: 1\njobs:\n  x: {exclusive: {q: 1}, run: x}\npools: [q]\n",
         "3:19: 'pools' has no 'q'; write 'pools: {q: 1}' at the top level\n"
         "4:8: 'pools' must be a map of names to whole numbers from 1 to 1024, not a list\n"},
    };

    (void)state;
    check_mistakes(table, ARRAY_SIZE(table));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_job_has),
        cmocka_unit_test(test_names_without_pools),
        cmocka_unit_test(test_below_what_a_job_says),
        cmocka_unit_test(test_files_of_a_run),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
