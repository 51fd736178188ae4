/* SPDX-License-Identifier: Apache-2.0 */
/* prepare: what the jobs of a run are called in its reports, and the files of their output: no two
 * alike, whatever a file system takes for one. */
#include "test_jobs.h"

#include "harness/prepare/run_names.h"
#include "harness/run/run.h"
#include "harness/run/run_options.h"

#include <ctype.h>

/* Names all jobs of one plan. The instances are the caller's to free. */
static void name_all(const struct jobs_plan *plan, struct run *run)
{
    struct jobs_plan *plans[] = {(struct jobs_plan *)plan};
    struct run_options o = {.plans = plans, .n_plans = 1};

    *run = (struct run){.n_instances = plan->n_jobs, .n_roots = plan->n_roots};
    run->instances = xcalloc(plan->n_jobs, sizeof(*run->instances));
    for (size_t i = 0; i < plan->n_jobs; i++)
        run->instances[i] = (struct instance){.plan = plan, .job = &plan->jobs[i]};
    run_names_make(&o, run);
}

static void unname(struct run *run)
{
    free(run->instances);
    free(run->root_log_names);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *id, *log_name;
    } expected[] = {{"ab", "ab"},   {"Ab", "Ab#2"}, {"ab#3", "ab#3"}, {"AB", "AB#4"},
                    {"aB", "aB#5"}, {"a", "a"},     {"A", "A#2"},     {"aB#5", "aB#5#2"}};
    struct loaded r = load_good("cupel: 1\ndefaults: {run: x}\njobs: {ab: {}, Ab: {}, 'ab#3': {}, "
                                "AB: {}, aB: {}, a: {}, A: {}, 'aB#5': {}}\n");
    struct run run;

    (void)state;
    name_all(r.plan, &run);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_string_equal(run.instances[i].id, expected[i].id);
        assert_string_equal(run.instances[i].log_name, expected[i].log_name);
    }
    unname(&run);
    unload(&r);
}

/* Counting from 2 for each would come to two thousand million names, which the time limit of a test
 * does not allow. */
static void test_very_many_that_differ_in_case(void **state)
{
    cleanup_strbuf struct strbuf text = {0};
    _cleanup_(strset_free) struct strset seen = {0};
    struct loaded r;
    struct run run;

    (void)state;
    strbuf_adds(&text, "cupel: 1\ndefaults: {run: x}\njobs:\n");
    for (unsigned i = 0; i < 1u << 16; i++) {
        char name[] = "abcdefghijklmnop";

        for (unsigned k = 0; k < 16; k++)
            if (((i >> k) & 1u) != 0)
                name[k] = (char)toupper((unsigned char)name[k]);
        strbuf_addf(&text, " %s: {}\n", name);
    }
    r = load_good(text.data);
    name_all(r.plan, &run);
    for (size_t i = 0; i < run.n_instances; i++)
        assert_true(strset_add(&seen, run.instances[i].log_name));
    assert_string_equal(run.instances[(1u << 16) - 1].log_name, "ABCDEFGHIJKLMNOP#65536");
    unname(&run);
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_very_many_that_differ_in_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
