/* SPDX-License-Identifier: Apache-2.0 */
/* test_jobs_errors_large: mistakes of large files, and very many of them: chains, cycles, bombs. */
#include "test_jobs.h"

/* Each is a layer. The chain may be said in any order; it is told once. */
static void test_long_chain(void **state)
{
    (void)state;
    for (unsigned n = JOBS_FROM_DEPTH_MAX; n < JOBS_FROM_DEPTH_MAX + 20000; n += 6000) {
        cleanup_strbuf struct strbuf b = {0};
        cleanup_free char *lines = NULL;
        struct loaded r;

        strbuf_adds(&b, "cupel: 1\ndefaults: {run: x}\njobs:\n");
        for (unsigned i = n; i > 0; i--)
            strbuf_addf(&b, "  j%u: {from: j%u}\n", i, i - 1);
        strbuf_adds(&b, "  j0: {}\n");
        r = load(b.data);
        lines = problem_lines(&r);
        if (n == JOBS_FROM_DEPTH_MAX) {
            assert_string_equal(lines, "");
            assert_int_equal(r.plan->jobs[0].depth, JOBS_FROM_DEPTH_MAX);
        } else {
            assert_non_null(strstr(lines, "more than 16 jobs start one from another"));
            assert_ptr_equal(strchr(lines, '\n') + 1, lines + strlen(lines));
        }
        unload(&r);
    }
}

static void test_inputs_of_a_chain(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    cleanup_free char *lines = NULL;
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\ndefaults: {run: x}\njobs:\n");
    for (int i = 0; i < 2; i++) {
        strbuf_addf(&b, "  %c: {%s inputs: [", 'a' + i, i > 0 ? "from: a," : "");
        for (int k = 0; k < 200; k++)
            strbuf_addf(&b, "{from: src, to: /%d/%d}, ", i, k);
        strbuf_adds(&b, "]}\n");
    }
    r = load(b.data);
    lines = problem_lines(&r);
    assert_string_equal(
        lines, "5:3: job 'b' has 400 inputs with those of 'a'; at most 256 are possible\n");
    unload(&r);
}

static void test_long_cycle(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    cleanup_free char *lines = NULL;
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\ndefaults: {run: x}\njobs:\n");
    for (int i = 0; i < 50000; i++)
        strbuf_addf(&b, "  %d: {needs: %d}\n", i, (i + 1) % 50000);
    r = load(b.data);
    lines = problem_lines(&r);
    assert_string_equal(
        lines,
        "4:14: 'needs' form a cycle: 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 6 -> 7 -> 8 -> 9 -> 10 -> 11 "
        "-> ... -> 0\n");
    unload(&r);
}

static void test_quote_of_a_long_line(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r;
    const char *quote, *caret;

    (void)state;
    strbuf_adds(&b, "cupel: 1\njobs: {a: {run: \"");
    for (int i = 0; i < 500; i++)
        strbuf_adds(&b, "\xc3\xa4");
    strbuf_adds(&b, "\", frobnicate: 1}}\n");
    r = load(b.data);
    assert_true(str_starts(r.problems.data,
                           "f.yaml:2:521: unknown key 'frobnicate' in a job\n    2 | ..."));
    quote = strchr(r.problems.data, '\n') + 1;
    caret = strchr(quote, '\n') + 1;
    assert_true(strlen(quote) < 400);
    /* 72 characters before the caret: "..." and 69 of the line, 66 of which take two bytes */
    assert_int_equal(strchr(caret, '^') - caret, strstr(quote, "frobnicate") - quote - 66);
    unload(&r);
}

static void test_too_long_script(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    cleanup_free char *lines = NULL;
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\njobs: {a: {run: \"");
    for (size_t i = 0; i < LOAD_ARG_MAX + 1; i++)
        strbuf_adds(&b, "x");
    strbuf_adds(&b, "\"}}\n");
    r = load(b.data);
    lines = problem_lines(&r);
    assert_string_equal(
        lines,
        "2:17: 'run' is 131072 bytes long; Linux passes at most 131071 bytes in one argument, so "
        "put it into a file that 'inputs' brings in\n");
    unload(&r);
}

static void repeat(struct strbuf *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        strbuf_adds(b, text);
}

static void test_bombs(void **state)
{
    static const struct {
        const char *head, *body;
        size_t times;
        const char *problem;
    } bombs[] = {
        {"a: ", "[", 3000000, "1:35: nested deeper than 32 levels\n"},
        {"", "{", 3000000, "1:33: nested deeper than 32 levels\n"},
        {"a: [", "1,", 600000, "1:999999: the file has more than 500000 values; split it\n"},
        {"", "- ", 1000000, "1:65: nested deeper than 32 levels\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bombs); i++) {
        cleanup_strbuf struct strbuf b = {0};
        cleanup_free char *lines = NULL;
        struct loaded r;

        strbuf_adds(&b, bombs[i].head);
        repeat(&b, bombs[i].body, bombs[i].times);
        r = load(b.data);
        lines = problem_lines(&r);
        assert_null(r.plan);
        assert_string_equal(lines, bombs[i].problem);
        unload(&r);
    }
}

/* `defaults` repeated by many jobs is the other way to make much of little. */
static void test_defaults_bomb(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    cleanup_free char *lines = NULL;
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\ndefaults:\n  run: x\n  env:\n");
    for (int i = 0; i < 1000; i++)
        strbuf_addf(&b, "    A%d: x\n", i);
    strbuf_adds(&b, "jobs:\n");
    for (int i = 0; i < 5000; i++)
        strbuf_addf(&b, "  %d: {env: {B: 1}}\n", i);
    r = load(b.data);
    lines = problem_lines(&r);
    assert_string_equal(
        lines,
        "5006:15: 'defaults' and 'jobs' together make more than 4000000 values; split the file\n");
    unload(&r);
}

static void test_very_many_problems(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r;

    (void)state;
    for (int i = 0; i < 5000; i++)
        strbuf_addf(&b, "k%d: 1\n", i);
    r = load(b.data);
    /* two keys are missing too */
    assert_non_null(strstr(r.problems.data, "f.yaml: and 4952 more problems; mend these first\n"));
    assert_string_equal(r.err.message, "f.yaml has 5002 problems");
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_chain),      cmocka_unit_test(test_inputs_of_a_chain),
        cmocka_unit_test(test_long_cycle),      cmocka_unit_test(test_quote_of_a_long_line),
        cmocka_unit_test(test_too_long_script), cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_defaults_bomb),   cmocka_unit_test(test_very_many_problems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
