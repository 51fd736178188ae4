/* SPDX-License-Identifier: Apache-2.0 */
/* grade: how much is to be run and for how long, what is known from one grading to the next, and
 * what is said of scores that have changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the above before it */
#include <cmocka.h>

#include "harness/grade/grade_private.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ---- estimates ---- */

static void expect_estimate(const char *jobs, unsigned slots, uint64_t run_ns, const char *expected)
{
    cleanup_free char *text = xasprintf("cupel: 1\njobs:\n%s", jobs);
    const struct grade_options o = {.job = "g"};
    cleanup_strbuf struct strbuf problems = {0}, said = {0};
    struct grade_chosen chosen = {0};
    struct jobs_plan *plan = NULL;
    struct grade_estimate e;
    struct cupel_error err;

    if (jobs_load_text("./f.yaml", text, strlen(text), &plan, &problems, &err) < 0 ||
        grade_choose(&o, plan, &chosen, &err) < 0)
        fail_msg("%s\n%s", err.message, problems.data);
    grade_estimate(&chosen, slots, run_ns, &e);
    grade_estimate_say(&e, &said);
    assert_string_equal(said.data, expected);
    grade_chosen_free(&chosen);
    jobs_plan_free(plan);
}

static void expect_known(const struct grade_estimate *e, size_t n, const char *expected)
{
    cleanup_strbuf struct strbuf said = {0};

    grade_estimate_say_known(e, n, &said);
    assert_string_equal(said.data, expected);
}

/* What is known already takes no time. */
static void test_known(void **state)
{
    struct grade_estimate e = {.runs = 2100, .about_ns = 210 * NSEC_PER_SEC, .least_ns = 1};

    (void)state;
    expect_known(&e, 2000, "2,000 of 2,100 runs are known from before, the others take about 10 s");
    expect_known(&e, 2100, "2,100 of 2,100 runs are known from before");
    e.about_ns = GRADE_UNKNOWN;
    e.least_ns = 21 * NSEC_PER_SEC;
    expect_known(&e, 100, "100 of 2,100 runs are known from before, the others take at least 20 s");
}

/* Other jobs are no part of it, and what the cases start from is. */
static void test_estimate(void **state)
{
    static const char class_of_300[] =
        "  c: {run: x, matrix: {S: {range: [1, 300]}}, limits: {wall: 10s}, timeout-grace: 1s}\n"
        "  g: {run: x, from: c, matrix: {S: {range: [1, 300]}}, timeout-grace: 1s, limits: {wall: "
        "1s}, cases: [{name: a}, {name: b}]}\n"
        "  other: {run: x}\n";

    (void)state;
    expect_estimate(class_of_300, 2, GRADE_UNKNOWN,
                    "300 submissions, 2 cases each: 900 runs, at least 2 s, at worst 38 min");
    expect_estimate(class_of_300, 1, NSEC_PER_SEC / 10,
                    "300 submissions, 2 cases each: 900 runs, about 90 s, at worst 75 min");
    expect_estimate(
        "  g: {run: x, matrix: {S: [a, b]}, limits: {wall: none}, cases: [{name: a}]}\n", 2,
        3600 * NSEC_PER_SEC,
        "2 submissions, 1 case each: 2 runs, about 60 min, without a limit of their "
        "time");
    expect_estimate("  g: {run: x, matrix: {S: {range: [1, 40000]}}, limits: {wall: 1s}, "
                    "timeout-grace: 1s, cases: [{name: a}]}\n",
                    4, GRADE_UNKNOWN,
                    "40,000 submissions, 1 case each: 40,000 runs, at least 50 s, at worst 6 h");
    expect_estimate("  g: {run: x, retries: 2, limits: {wall: 1s}, timeout-grace: 1s, cases: "
                    "[{name: a}]}\n",
                    1, GRADE_UNKNOWN, "1 submission, 1 case: 1 run, at least 1 s, at worst 6 s");
}

/* ---- from one grading to the next ---- */

static const struct class_submission submissions[] = {
    {.id = "g/S=ann", .student = "ann", .verdict = REPORTS_PASSED, .points = 10500, .score = 10500},
    {.id = "g/S=bob",
     .student = "bob",
     .verdict = REPORTS_FAILED,
     .first_bad = "large",
     .points = 10500,
     .score = 250},
    {.id = "g/S=cem",
     .student = "cem",
     .verdict = REPORTS_ERROR,
     .first_bad = "large",
     .points = 10500,
     .score = CLASS_UNKNOWN},
    {.id = NULL, .student = "eve", .points = 10500, .score = CLASS_UNKNOWN},
};

static struct class_table table_of(const struct class_submission *list, size_t n)
{
    return (struct class_table){.submissions = list, .n = n};
}

static void expect_changes(const struct grade_record *before, const struct class_table *now,
                           const char *expected, size_t changed, size_t new)
{
    cleanup_strbuf struct strbuf said = {0};
    size_t n_changed, n_new;

    strbuf_adds(&said, "");
    grade_changes_say(before, now, &said, &n_changed, &n_new);
    assert_string_equal(said.data, expected);
    assert_int_equal(n_changed, changed);
    assert_int_equal(n_new, new);
}

/* Returns an out directory; malloc'ed. */
static char *make_out(void)
{
    char *dir = xstrdup("/tmp/test-grade-XXXXXX");
    struct cupel_error err;

    assert_non_null(mkdtemp(dir));
    assert_int_equal(reports_out_claim(dir, &err), 0);
    return dir;
}

static void test_record(void **state)
{
    const struct class_table first = table_of(submissions, ARRAY_SIZE(submissions));
    struct class_submission list[4];
    const struct class_table second = table_of(list, 4), part = table_of(list, 1);
    const struct grade_record none = {.run_ns = 123};
    struct grade_record made = {0}, read = {0};
    cleanup_free char *out = make_out();
    struct cupel_error err;

    (void)state;
    grade_record_make(&first, &none, false, &made);
    assert_int_equal(made.n, 3); /* who has submitted nothing has no score */
    assert_int_equal(grade_record_write(out, &made, &err), 0);
    grade_record_free(&made);
    grade_record_read(out, &read);
    assert_int_equal(read.run_ns, 123);
    expect_changes(&read, &first, "", 0, 0);

    memcpy(list, submissions, sizeof(list));
    list[0].score = 10000;
    list[0].verdict = REPORTS_TIMEOUT;
    list[0].first_bad = "a\nb";
    list[2].score = 0;
    list[2].verdict = REPORTS_FAILED;
    list[3] = (struct class_submission){.id = "g/S=dot", .student = "dot", .score = 1, .points = 2};
    expect_changes(&read, &second,
                   "ann: 10.5 of 10.5 (passed) -> 10 of 10.5 (timeout at a?b)\n"
                   "cem: ungraded (error at large) -> 0 of 10.5 (failed at large)\n",
                   2, 1);
    /* of a part of the class, the others stay known */
    grade_record_make(&part, &read, true, &made);
    assert_int_equal(made.n, 3);
    expect_changes(&made, &first, "ann: 10 of 10.5 (timeout at a?b) -> 10.5 of 10.5 (passed)\n", 1,
                   0);
    grade_record_free(&made);
    grade_record_make(&part, &read, false, &made);
    assert_int_equal(made.n, 1);
    grade_record_free(&made);
    grade_record_free(&read);
    (void)file_remove_tree_at(AT_FDCWD, out);
}

/* What lies there may come with a checkout. */
static void test_record_of_others(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"submissions\": 1, \"run_nanoseconds\": -5}",
        "{\"submissions\": [1, {\"id\": 3}, {\"id\": \"a\", \"student\": \"a\"}, null]}",
        "{\"submissions\": [{\"id\": \"a\", \"student\": \"a\", \"verdict\": \"x\", "
        "\"score_thousandths\": -1, \"points_thousandths\": 1e99}]}",
    };
    cleanup_free char *out = make_out(), *path = xasprintf("%s/grading.json", out);
    struct grade_record r;
    struct cupel_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_int_equal(reports_out_put(out, "grading.json", texts[i], strlen(texts[i]), &err), 0);
        grade_record_read(out, &r);
        assert_int_equal(r.n, i == 4);
        assert_true(r.run_ns == GRADE_UNKNOWN);
        if (r.n > 0)
            assert_true(r.list[0].score == CLASS_UNKNOWN && r.list[0].points == CLASS_UNKNOWN);
        grade_record_free(&r);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/zero", path), 0);
    grade_record_read(out, &r);
    assert_int_equal(r.n, 0);
    grade_record_free(&r);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    grade_record_read(out, &r);
    assert_int_equal(r.n, 0);
    grade_record_free(&r);
    (void)file_remove_tree_at(AT_FDCWD, out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_record_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
