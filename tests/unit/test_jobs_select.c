/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: which jobs a run is about, and in which order. */
#include "test_jobs.h"

static const char file[] = "cupel: 1\n"
                           "defaults: {run: x}\n"
                           "jobs:\n"
                           "  test-a: {needs: [link], tags: [fast]}\n"
                           "  test-b: {needs: [link, data], tags: [slow]}\n"
                           "  link: {needs: compile}\n"
                           "  compile: {}\n"
                           "  data: {tags: [slow, net]}\n"
                           "  lint: {}\n";

static void check(const char *const *only, size_t n_only, const char *const *tags, size_t n_tags,
                  const char *expected)
{
    struct loaded r = load_good(file);
    cleanup_strbuf struct strbuf names = {0};
    bool selected[6];
    size_t order[6];

    assert_int_equal(r.plan->n_jobs, 6);
    if (jobs_select(r.plan, only, n_only, tags, n_tags, selected, &r.err) < 0)
        fail_msg("%s", r.err.message);
    jobs_order(r.plan, order);
    strbuf_add(&names, "", 0);
    for (size_t i = 0; i < 6; i++)
        if (selected[order[i]])
            strbuf_addf(&names, "%s ", r.plan->jobs[order[i]].name);
    assert_string_equal(names.data, expected);
    unload(&r);
}

static void test_selection(void **state)
{
    (void)state;
    check(NULL, 0, NULL, 0, "compile link test-a data test-b lint ");
    check((const char *[]){"lint"}, 1, NULL, 0, "lint ");
    check((const char *[]){"l*"}, 1, NULL, 0, "compile link lint ");
    check((const char *[]){"test-?", "lint"}, 2, NULL, 0, "compile link test-a data test-b lint ");
    check(NULL, 0, (const char *[]){"fast"}, 1, "compile link test-a ");
    check(NULL, 0, (const char *[]){"net", "fast"}, 2, "compile link test-a data ");
    check((const char *[]){"test-*"}, 1, (const char *[]){"slow"}, 1, "compile link data test-b ");
}

static void refuse(const char *only, const char *tag, const char *message, const char *hint)
{
    struct loaded r = load_good(file);
    bool selected[6] = {true, false, true, false, true, false};
    bool before[6];

    memcpy(before, selected, sizeof(before));
    assert_true(jobs_select(r.plan, &only, only != NULL, &tag, tag != NULL, selected, &r.err) < 0);
    assert_string_equal(r.err.message, message);
    assert_string_equal(r.err.hint, hint);
    assert_int_equal(r.err.kind, CUPEL_ERROR_INPUT);
    assert_memory_equal(selected, before, sizeof(before));
    unload(&r);
}

/* One of a bridge brings the others, what they need, and so on. */
static void test_bridges_come_whole(void **state)
{
    struct loaded r = load_good("cupel: 1\n"
                                "defaults: {run: x}\n"
                                "jobs:\n"
                                "  client: {network: {bridge: b}, hostname: c}\n"
                                "  data: {}\n"
                                "  server: {network: {bridge: b}, needs: data}\n"
                                "  other: {network: {bridge: c}}\n");
    const char *only = "client";
    bool selected[4];

    (void)state;
    assert_int_equal(r.plan->n_bridges, 2);
    assert_string_equal(r.plan->bridges[0].name, "b");
    assert_int_equal(r.plan->bridges[0].n_members, 2);
    assert_int_equal(r.plan->jobs[2].bridge, 0);
    assert_int_equal(r.plan->jobs[2].bridge_member, 1);
    assert_int_equal(r.plan->jobs[3].bridge, 1);
    assert_string_equal(r.plan->jobs[0].hostname, "c");
    assert_string_equal(r.plan->jobs[1].hostname, "cupel");
    assert_string_equal(r.plan->jobs[2].hostname, "server");
    assert_int_equal(jobs_select(r.plan, &only, 1, NULL, 0, selected, &r.err), 0);
    assert_true(selected[0] && selected[1] && selected[2] && !selected[3]);
    unload(&r);
}

static void test_nothing_matches(void **state)
{
    (void)state;
    refuse("lnit", NULL, "no job of f.yaml is named 'lnit'", "did you mean 'lint'?");
    refuse("zzz*", NULL, "no job of f.yaml is named 'zzz*'", "");
    refuse(NULL, "slwo", "no job of f.yaml has the tag 'slwo'", "did you mean 'slow'?");
    refuse("lint", "slow", "no job of f.yaml has both such a name and such a tag", "");
}

/* A job that has a matrix is as many as it has instances, and none of its own name. */
static void test_a_job_with_a_matrix_is_its_instances(void **state)
{
    struct loaded r = load_good("cupel: 1\n"
                                "jobs:\n"
                                "  tests: {run: x}\n"
                                "  test: {matrix: {N: [1, 2]}, run: x}\n");
    const char *only = "test";
    bool selected[3];

    (void)state;
    assert_int_equal(jobs_select(r.plan, &only, 1, NULL, 0, selected, &r.err), -EINVAL);
    assert_string_equal(r.err.hint, "did you mean 'test/*'? These are its instances");
    only = "test/*";
    assert_int_equal(jobs_select(r.plan, &only, 1, NULL, 0, selected, &r.err), 0);
    assert_true(!selected[0] && selected[1] && selected[2]);
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_bridges_come_whole),
        cmocka_unit_test(test_nothing_matches),
        cmocka_unit_test(test_a_job_with_a_matrix_is_its_instances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
