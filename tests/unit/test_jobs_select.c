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

#define FIELD_OF(list, ...)                                                                        \
    .list = (const char *[]){__VA_ARGS__}, .n_##list = ARRAY_SIZE(((const char *[]){__VA_ARGS__}))
#define ONLY(...) FIELD_OF(only, __VA_ARGS__)
#define SKIP(...) FIELD_OF(skip, __VA_ARGS__)
#define TAGS(...) FIELD_OF(tags, __VA_ARGS__)

static int select_of(struct loaded *r, const struct jobs_choice *choice, bool *selected)
{
    return jobs_select(&r->plan, 1, choice, (bool *const[]){selected}, &r->err);
}

static void check(const struct jobs_choice *choice, const char *expected)
{
    struct loaded r = load_good(file);
    cleanup_strbuf struct strbuf names = {0};
    bool selected[6];
    size_t order[6];

    assert_int_equal(r.plan->n_jobs, 6);
    if (select_of(&r, choice, selected) < 0)
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
    check(&(struct jobs_choice){0}, "compile link test-a data test-b lint ");
    check(&(struct jobs_choice){ONLY("lint")}, "lint ");
    check(&(struct jobs_choice){ONLY("l*")}, "compile link lint ");
    check(&(struct jobs_choice){ONLY("test-?", "lint")}, "compile link test-a data test-b lint ");
    check(&(struct jobs_choice){TAGS("fast")}, "compile link test-a ");
    check(&(struct jobs_choice){TAGS("net", "fast")}, "compile link test-a data ");
    check(&(struct jobs_choice){TAGS("[ns]*")}, "compile link data test-b ");
    check(&(struct jobs_choice){ONLY("test-*"), TAGS("slow")}, "compile link data test-b ");
}

/* What is skipped is not chosen, but what a chosen job needs runs all the same. */
static void test_skipping(void **state)
{
    (void)state;
    check(&(struct jobs_choice){SKIP("test-*")}, "compile link data lint ");
    check(&(struct jobs_choice){SKIP("test-*", "d*", "lint")}, "compile link ");
    check(&(struct jobs_choice){SKIP("link", "lint")}, "compile link test-a data test-b ");
    check(&(struct jobs_choice){ONLY("test-*"), SKIP("*-b")}, "compile link test-a ");
    check(&(struct jobs_choice){TAGS("slow"), SKIP("test-b")}, "data ");
}

/* What else has to hold may leave nothing: then nothing is needed, either. */
static void test_among(void **state)
{
    bool some[6] = {false, false, true, false, true, false}, none[6] = {false};

    (void)state;
    check(&(struct jobs_choice){.among = (bool *const[]){some}}, "compile link data ");
    check(&(struct jobs_choice){.among = (bool *const[]){some}, SKIP("data")}, "compile link ");
    check(&(struct jobs_choice){.among = (bool *const[]){none}}, "");
}

/* A glob has to match in one of the files; what is needed stays in its own. */
static void test_several_files(void **state)
{
    struct loaded a = load_good(file), b = load_good("cupel: 1\njobs: {other: {run: x}}\n");
    struct jobs_plan *const plans[] = {a.plan, b.plan};
    bool of_a[6], of_b[1];
    bool *const selected[] = {of_a, of_b};

    (void)state;
    assert_int_equal(
        jobs_select(plans, 2, &(struct jobs_choice){ONLY("other", "lint")}, selected, &a.err), 0);
    assert_true(of_b[0] && of_a[5] && !of_a[0] && !of_a[2]);
    assert_int_equal(jobs_select(plans, 2, &(struct jobs_choice){ONLY("othr")}, selected, &a.err),
                     -EINVAL);
    assert_string_equal(a.err.message, "no job of these 2 files is named 'othr'");
    assert_string_equal(a.err.hint, "did you mean 'other'?");
    unload(&a);
    unload(&b);
}

/* What one pattern of --only marks of two files that share "same": 1 and 2 for the first file's
 * jobs, 4 and 8 for the second's; negative: nothing matches. */
static int marked(struct jobs_plan *const *plans, const char *glob)
{
    bool of_a[2], of_b[2];
    struct cupel_error err;

    if (jobs_select(plans, 2, &(struct jobs_choice){ONLY(glob)}, (bool *const[]){of_a, of_b},
                    &err) < 0)
        return -1;
    return of_a[0] + 2 * of_a[1] + 4 * of_b[0] + 8 * of_b[1];
}

/* A name that several files have is called "suite.job" in their reports, or "file:job". */
static void test_names_of_reports(void **state)
{
    static const char one[] = "cupel: 1\nname: one\njobs: {same: {run: x}, a: {run: x}}\n";
    static const char two[] = "cupel: 1\nname: two\njobs: {same: {run: x}, b: {run: x}}\n";
    struct loaded a = load_good(one), b = load_good(two), c = load_good(one);
    bool of_a[2], of_b[2];

    (void)state;
    assert_int_equal(marked((struct jobs_plan *const[]){a.plan, b.plan}, "same"), 1 + 4);
    assert_int_equal(marked((struct jobs_plan *const[]){a.plan, b.plan}, "one.same"), 1);
    assert_int_equal(marked((struct jobs_plan *const[]){a.plan, b.plan}, "t*.s*"), 4);
    assert_int_equal(marked((struct jobs_plan *const[]){a.plan, b.plan}, "one.a"), -1);
    assert_int_equal(marked((struct jobs_plan *const[]){a.plan, b.plan}, "one*"), -1);
    assert_int_equal(marked((struct jobs_plan *const[]){a.plan, c.plan}, "one.same"), -1);
    assert_int_equal(marked((struct jobs_plan *const[]){a.plan, c.plan}, "*:same"), 1 + 4);
    jobs_find_skipped((struct jobs_plan *const[]){a.plan, b.plan}, 2,
                      &(struct jobs_choice){SKIP("two.*", "a")}, (bool *const[]){of_a, of_b});
    assert_true(!of_a[0] && of_a[1] && of_b[0] && !of_b[1]);
    unload(&a);
    unload(&b);
    unload(&c);
}

static void refuse(const struct jobs_choice *choice, const char *message, const char *hint)
{
    struct loaded r = load_good(file);
    bool selected[6] = {true, false, true, false, true, false};
    bool before[6];

    memcpy(before, selected, sizeof(before));
    assert_true(select_of(&r, choice, selected) < 0);
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
    assert_int_equal(select_of(&r, &(struct jobs_choice){ONLY(only)}, selected), 0);
    assert_true(selected[0] && selected[1] && selected[2] && !selected[3]);
    unload(&r);
}

static void test_nothing_matches(void **state)
{
    (void)state;
    refuse(&(struct jobs_choice){ONLY("lnit")}, "no job of f.yaml is named 'lnit'",
           "did you mean 'lint'?");
    refuse(&(struct jobs_choice){SKIP("lnit")}, "no job of f.yaml is named 'lnit'",
           "did you mean 'lint'?");
    refuse(&(struct jobs_choice){ONLY("zzz*")}, "no job of f.yaml is named 'zzz*'", "");
    refuse(&(struct jobs_choice){TAGS("slwo")}, "no job of f.yaml has the tag 'slwo'",
           "did you mean 'slow'?");
    refuse(&(struct jobs_choice){ONLY("lint"), TAGS("slow")},
           "no job of f.yaml has both such a name and such a tag", "");
    refuse(&(struct jobs_choice){SKIP("*")}, "what is skipped leaves no job of f.yaml", "");
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
    assert_int_equal(select_of(&r, &(struct jobs_choice){ONLY(only)}, selected), -EINVAL);
    assert_string_equal(r.err.hint, "did you mean 'test/*'? These are its instances");
    only = "test/*";
    assert_int_equal(select_of(&r, &(struct jobs_choice){ONLY(only)}, selected), 0);
    assert_true(!selected[0] && selected[1] && selected[2]);
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_skipping),
        cmocka_unit_test(test_among),
        cmocka_unit_test(test_several_files),
        cmocka_unit_test(test_names_of_reports),
        cmocka_unit_test(test_bridges_come_whole),
        cmocka_unit_test(test_nothing_matches),
        cmocka_unit_test(test_a_job_with_a_matrix_is_its_instances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
