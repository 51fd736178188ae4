/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: how a file is read for grading: submissions that somebody names, cases that a student has,
 * and the file's own solutions. */
#include "test_jobs.h"

#include "jobs/expand/host.h"

static struct loaded load_graded(const char *text, const struct jobs_grading *g)
{
    const struct jobs_parameters parameters = {.grading = g};
    struct loaded r = {0};
    cleanup_free char *dir = realpath(FIXTURES, NULL);
    const struct load_from from = {.file = "f.yaml",
                                   .dir = dir,
                                   .text = text,
                                   .len = strlen(text),
                                   .host = &expand_real_host,
                                   .parameters = &parameters};

    assert_non_null(dir);
    (void)load_tree(&from, &r.plan, &r.problems, &r.err);
    return r;
}

static struct loaded load_graded_good(const char *text, const struct jobs_grading *g)
{
    struct loaded r = load_graded(text, g);

    if (r.plan == NULL)
        fail_msg("refused:\n%s", r.problems.data);
    return r;
}

static void expect_graded_problem(const char *text, const struct jobs_grading *g,
                                  const char *problems)
{
    struct loaded r = load_graded(text, g);
    cleanup_free char *lines = problem_lines(&r);

    assert_null(r.plan);
    assert_string_equal(lines, problems);
    unload(&r);
}

/* "NAME VALUE UNTRUSTED TRUSTED|" of each job's input. */
static void expect_inputs(const struct jobs_plan *plan, const char *expected)
{
    cleanup_strbuf struct strbuf b = {0};
    const size_t dir = strlen(plan->dir);

    for (size_t i = 0; i < plan->n_jobs; i++) {
        const struct jobs_host_path *p = &plan->jobs[i].inputs[0].host;

        strbuf_addf(&b, "%s %s %s %zu|", plan->jobs[i].name, plan->jobs[i].matrix[0],
                    p->untrusted ? "untrusted" : "trusted",
                    p->trusted >= dir ? p->trusted - dir + 1000 : p->trusted);
        if (plan->jobs[i].refused != NULL)
            strbuf_addf(&b, "(%s)|", plan->jobs[i].refused);
    }
    assert_string_equal(b.data, expected);
}

#define COMPILED                                                                                   \
    "cupel: 1\n"                                                                                   \
    "jobs:\n"                                                                                      \
    "  c: {run: x, matrix: {S: {dirs: 'no-such/*'}}, inputs: [{from: '${{ S }}', to: /w}]}\n"      \
    "  g: {run: x, matrix: {S: {files: 'no-such/*'}}, from: c, cases: [{name: a}]}\n"

/* Named submissions take the place of what is found in each job that has the key; the last
 * component of what is named is somebody else's. */
static void test_named(void **state)
{
    cleanup_free char *dir = realpath(FIXTURES, NULL), *below = xasprintf("%s/judged/1.in", dir);
    const struct jobs_submission list[] = {{.id = "ann", .path = "/srv/sub/ann"},
                                           {.id = "1.in", .path = below},
                                           {.id = "a,b", .path = "sub/a,b"},
                                           {.id = "bad", .path = "/srv/x", .refused = "is a bomb"}};
    const struct jobs_grading g = {.submissions = list, .n_submissions = ARRAY_SIZE(list)};
    struct loaded r = load_graded_good(COMPILED, &g);

    (void)state;
    expect_inputs(r.plan, "c/S=ann S=/srv/sub/ann untrusted 9|"
                          "c/S=1.in S=judged/1.in untrusted 1000|"
                          "c/S=a%2Cb S=sub/a,b untrusted 1000|"
                          "c/S=bad S=/srv/x untrusted 5|(/srv/x is a bomb)|"
                          "g/S=ann/a S=/srv/sub/ann untrusted 9|"
                          "g/S=1.in/a S=judged/1.in untrusted 1000|"
                          "g/S=a%2Cb/a S=sub/a,b untrusted 1000|"
                          "g/S=bad/a S=/srv/x untrusted 5|(/srv/x is a bomb)|");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(r.plan->jobs[4 + i].from, i);
    unload(&r);
}

static void test_named_where(void **state)
{
    const struct jobs_submission one = {.id = "ann", .path = "/srv/ann"};
    struct jobs_grading g = {.submissions = &one, .n_submissions = 1};
    const char *two = "cupel: 1\n"
                      "jobs:\n"
                      "  g: {run: x, matrix: {A: {dirs: 'j*'}, B: {files: 'judged/1.in'}, C: [1]}, "
                      "cases: [{name: a}]}\n";
    struct loaded r;

    (void)state;
    expect_graded_problem("cupel: 1\njobs:\n  g: {run: x, matrix: {A: [x]}, cases: [{name: a}]}\n",
                          &g,
                          "2:1: no job with `cases` has a key of a matrix that finds directories "
                          "or files, in whose place submissions can be named: give it one, such as "
                          "`matrix: {SUBMISSION: {dirs: \"submissions/*\"}}`\n");
    expect_graded_problem(two, &g,
                          "2:1: jobs with `cases` find what they judge by several keys: say with "
                          "--by KEY which of 'A', 'B' the named submissions are\n");
    g.by = "C";
    expect_graded_problem(two, &g,
                          "2:1: 'C' is no key by which jobs with `cases` find submissions: 'A', "
                          "'B'\n");
    g.by = "A";
    r = load_graded_good(two, &g);
    assert_int_equal(r.plan->n_jobs, 1);
    assert_string_equal(r.plan->jobs[0].name, "g/A=ann,B=1.in,C=1/a");
    unload(&r);
}

/* "NAME POINTS|" of each case, then the points of all. */
static void expect_visible(const char *text, const char *expected)
{
    const struct jobs_grading g = {.only_visible = true};
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r = load_graded_good(text, &g);

    for (size_t i = 0; i < r.plan->n_jobs; i++)
        strbuf_addf(&b, "%s %llu|", r.plan->jobs[i].name,
                    (unsigned long long)r.plan->jobs[i].of_case->points);
    strbuf_addf(&b, "%llu", (unsigned long long)r.plan->judged[0].groups[0].points);
    assert_string_equal(b.data, expected);
    unload(&r);
}

#define VISIBLE(job, cases)                                                                        \
    "cupel: 1\njobs:\n  g: {run: x, " job "cases: " cases                                          \
    ", groups: {s: {points: 10}, h: {points: 90, visibility: hidden, groups: {in: {}, out: "       \
    "{visibility: visible}}}}}\n"

static void test_visible(void **state)
{
    const struct jobs_grading g = {.only_visible = true};

    (void)state;
    expect_visible(VISIBLE("", "[{name: a, group: s}, {files: 'none/*.in', group: h}]"),
                   "g/a 10000|10000");
    expect_visible(VISIBLE("", "[{name: a, group: s}, {name: b, group: h/in, stdin-file: none}, "
                               "{name: c, group: h/out, points: 5}, {name: d, visibility: "
                               "after-due}, {name: e, group: h, visibility: visible, points: 3}]"),
                   "g/a 10000|g/c 5000|g/e 3000|18000");
    expect_visible(
        VISIBLE("visibility: hidden, ", "[{name: a, group: s}, {name: b, visibility: visible}]"),
        "g/b 1000|1000");
    expect_visible("cupel: 1\ndefaults: {visibility: hidden}\n"
                   "reference: {accepted: no-such-file}\n"
                   "jobs: {g: {run: x, cases: [{name: a}, {name: b, visibility: visible}]}}\n",
                   "g/b 1000|1000");
    expect_graded_problem(
        "cupel: 1\njobs:\n  g: {run: x, visibility: hidden, cases: [{name: a}]}\n", &g,
        "3:35: no case of job 'g' is visible\n");
}

static void test_references(void **state)
{
    struct loaded r = load_good("cupel: 1\n"
                                "reference:\n"
                                "  accepted: judged\n"
                                "  time-limit: [judged/1.in, ./full.yaml]\n"
                                "  compile-error: ../jobs/judged/1.ans\n"
                                "jobs: {a: {run: x}}\n");
    cleanup_free char *dir = realpath(FIXTURES, NULL);
    const struct jobs_reference *list = r.plan->references;

    (void)state;
    assert_int_equal(r.plan->n_references, 4);
    assert_string_equal(list[0].submission.path, "judged");
    assert_int_equal(list[0].promised, JOBS_PROMISE_PASSED);
    assert_string_equal(list[1].submission.id, "1.in");
    assert_string_equal(list[1].submission.path, "judged/1.in");
    assert_string_equal(list[1].word, "time-limit");
    assert_int_equal(list[1].promised, 1u << JOBS_END_TIMEOUT | 1u << JOBS_END_CPU_LIMIT);
    assert_int_equal(list[1].line, 4);
    assert_string_equal(list[2].submission.path, "full.yaml");
    /* what leads up again is no place below the file's directory */
    assert_true(str_starts(list[3].submission.path, dir));
    assert_int_equal(list[3].promised, 1u << JOBS_END_COMPILE_ERROR);
    unload(&r);
}

/* Each word of the table promises something. */
static void test_every_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < keys_reference.n; i++) {
        cleanup_free char *text =
            xasprintf("cupel: 1\nreference: {%s: full.yaml}\njobs: {a: {run: x}}\n",
                      keys_reference.keys[i].name);
        struct loaded r = load_good(text);

        assert_int_equal(r.plan->n_references, 1);
        if (r.plan->references[0].promised == 0)
            fail_msg("'%s' promises nothing", keys_reference.keys[i].name);
        unload(&r);
    }
}

static void test_reference_mistakes(void **state)
{
    static const struct mistake mistakes[] = {
        {"cupel: 1\nreference: {acepted: full.yaml}\njobs: {a: {run: x}}\n",
         "2:13: unknown key 'acepted', did you mean 'accepted'?\n"},
        {"cupel: 1\nreference: full.yaml\njobs: {a: {run: x}}\n",
         "2:12: 'reference' must be a map such as {accepted: solutions/sum.c}, not 'full.yaml'\n"},
        {"cupel: 1\nreference: {accepted: full.yaml, failed: ./full.yaml}\njobs: {a: {run: x}}\n",
         "2:42: 'reference' names './full.yaml' twice; the first on line 2\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named),      cmocka_unit_test(test_named_where),
        cmocka_unit_test(test_visible),    cmocka_unit_test(test_references),
        cmocka_unit_test(test_every_word), cmocka_unit_test(test_reference_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
