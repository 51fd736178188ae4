/* SPDX-License-Identifier: Apache-2.0 */
/* test_class_view: a student sees what may be seen, and nothing that tells of the rest: in no file,
 * at no time, whatever came of the rest. */
#include "test_class.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/weaken.h"

/* Whatever students see of a submission, one after the other. */
static char *all_of_it(const struct class_submission *s, enum class_moment now, int logs)
{
    cleanup_view struct class_view v = {0};
    struct strbuf text = {0};

    class_view_make(s, now, &v);
    assert_int_equal(student_json(&v, logs, &text), 0);
    student_html(&v, "title", logs, &text);
    return text.data;
}

/* The same, and what platforms show, which have to tell the score. */
static char *platforms(const struct class_submission *s, enum class_moment now, int logs)
{
    cleanup_view struct class_view v = {0};
    struct strbuf text = {0};

    class_view_make(s, now, &v);
    assert_int_equal(prairielearn_json(&v, logs, &text), 0);
    assert_int_equal(autolab_text(&v, "total", &text), 0);
    return text.data;
}

static int make_logs(void)
{
    static const char *const which[] = {"visible", "due", "published", "hidden"};
    char dir[] = "/tmp/cupel-test-class-XXXXXX";
    int fd;

    assert_non_null(mkdtemp(dir));
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < ARRAY_SIZE(which); i++)
        for (size_t k = 0; k < 2; k++) {
            cleanup_free char *name = xasprintf("%s.%s", which[i], k == 0 ? "stdout" : "stderr");
            cleanup_free char *said = xasprintf("SAID-BY-%s-%s\n", which[i], name);

            assert_int_equal(file_write_passing_at(fd, name, said, strlen(said), 0600), 0);
        }
    assert_int_equal(symlinkat("visible.stdout", fd, "link"), 0);
    assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
    return fd;
}

static void remove_logs(int fd)
{
    cleanup_free char *link = xasprintf("/proc/self/fd/%d", fd);
    char path[256];
    ssize_t n = readlink(link, path, sizeof(path) - 1);

    assert_true(n > 0);
    path[n] = '\0';
    (void)close(fd);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, path), 0);
}

static void test_what_is_hidden_is_in_no_file(void **state)
{
    static const char *const which[] = {"visible", "due", "published", "hidden"};
    int logs = make_logs();
    struct class_scene s;

    (void)state;
    class_scene(&s);
    for (enum class_moment now = 0; now < CLASS_MOMENT_COUNT; now++) {
        cleanup_free char *files = all_of_it(&s.submission, now, logs),
                          *shown = platforms(&s.submission, now, logs);

        assert_null(strstr(files, "SAID-BY-STAFF"));
        assert_null(strstr(shown, "SAID-BY-STAFF"));
        for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
            static const char *const parts[] = {"-name", "-group",    "-description",
                                                "-hint", "-evidence", "-message"};
            cleanup_free char *any = xasprintf("SAID-BY-%s", which[i]),
                              *out = xasprintf("%s-%s.stdout", any, which[i]),
                              *errors = xasprintf("%s-%s.stderr", any, which[i]);
            bool seen = i <= (size_t)now;

            assert_int_equal(strstr(files, any) != NULL, seen);
            assert_int_equal(strstr(shown, any) != NULL, seen);
            assert_int_equal(strstr(files, out) != NULL, seen);
            assert_int_equal(strstr(files, errors) != NULL, seen);
            for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
                cleanup_free char *one = xasprintf("%s%s", any, parts[k]);

                assert_int_equal(strstr(files, one) != NULL, seen);
            }
        }
    }
    remove_logs(logs);
}

/* A submission of which the case that is always seen came out so. */
static void scene_of(struct class_scene *s, bool passed)
{
    class_scene(s);
    if (!passed)
        return;
    s->cases[0].verdict = REPORTS_PASSED;
    s->cases[0].score = s->groups[1].score = s->cases[0].points;
}

/* Lets the cases that are not seen at a moment, and all that they count for, come out so. */
static void change_unseen(struct class_scene *s, enum class_moment now,
                          enum reports_verdict verdict)
{
    for (size_t i = (size_t)now + 1; i < SCENE_CASES; i++) {
        struct class_case *c = &s->cases[i];

        c->verdict = verdict;
        c->score = !reports_verdict_is_fair(verdict) ? CLASS_UNKNOWN
                   : verdict == REPORTS_PASSED       ? c->points
                                                     : 0;
        c->evidence = "another";
        c->cpu_ns = 99;
        s->groups[1 + i].score = s->groups[0].score = s->submission.score = c->score;
    }
    s->submission.verdict = verdict;
    s->submission.first_bad = "SAID-BY-hidden-name";
}

/* Whatever came of the cases that are not seen, the files are the same, byte for byte. */
static void test_nothing_tells_what_came_of_the_rest(void **state)
{
    struct class_scene first, s;

    (void)state;
    for (enum class_moment now = 0; now < CLASS_MOMENT_COUNT; now++)
        for (unsigned passed = 0; passed < 2; passed++) {
            cleanup_free char *expected = NULL;

            scene_of(&first, passed);
            expected = all_of_it(&first.submission, now, -EBADF);
            for (unsigned verdict = 0; verdict < REPORTS_VERDICT_COUNT; verdict++) {
                cleanup_free char *files = NULL;

                scene_of(&s, passed);
                change_unseen(&s, now, (enum reports_verdict)verdict);
                files = all_of_it(&s.submission, now, -EBADF);
                assert_string_equal(files, expected);
            }
        }
}

static void test_the_verdict_is_that_of_what_is_seen(void **state)
{
    cleanup_view struct class_view v = {0}, w = {0}, x = {0}, y = {0};
    cleanup_free char *files = NULL;
    struct class_scene s;

    (void)state;
    class_scene(&s);
    s.cases[0].verdict = REPORTS_PASSED;
    s.cases[0].score = s.cases[0].points;
    s.submission.first_bad = "SAID-BY-due-name";
    class_view_make(&s.submission, CLASS_BEFORE_DUE, &v);
    assert_true(v.has_verdict && !v.whole && !v.ungraded);
    assert_int_equal(v.verdict, REPORTS_PASSED);
    assert_null(v.first_bad);
    assert_true(v.score == CLASS_UNKNOWN);
    s.cases[0].verdict = REPORTS_NOT_RUN; /* that it was not run is no pass */
    class_view_make(&s.submission, CLASS_BEFORE_DUE, &y);
    assert_int_equal(y.verdict, REPORTS_NOT_RUN);
    s.cases[0].verdict = REPORTS_ERROR; /* why is for staff */
    s.cases[0].score = CLASS_UNKNOWN;
    files = all_of_it(&s.submission, CLASS_BEFORE_DUE, -EBADF);
    assert_null(strstr(files, "SAID-BY-visible-evidence"));
    assert_non_null(strstr(files, "\"verdict\":\"ungraded\""));
    s.cases[0].verdict = REPORTS_PASSED;
    s.cases[0].score = s.cases[0].points;
    class_view_make(&s.submission, CLASS_DUE, &w);
    assert_int_equal(w.verdict, REPORTS_FAILED);
    assert_string_equal(w.first_bad, "SAID-BY-due-name");
    assert_true(w.score == CLASS_UNKNOWN);
    for (size_t i = 0; i < SCENE_CASES; i++)
        s.cases[i].visibility = CLASS_VISIBLE;
    s.submission.score = 25 * P;
    class_view_make(&s.submission, CLASS_BEFORE_DUE, &x);
    assert_true(x.whole && x.score == 25 * P);
    assert_string_equal(x.first_bad, "SAID-BY-due-name");
}

static void test_what_could_not_be_compiled_is_told(void **state)
{
    int logs = make_logs();
    cleanup_free char *files = NULL, *shown = NULL, *other = NULL;
    struct class_scene s;

    (void)state;
    class_scene(&s);
    for (size_t i = 0; i < SCENE_CASES; i++) {
        s.cases[i].verdict = REPORTS_NOT_RUN;
        s.cases[i].visibility = CLASS_HIDDEN;
    }
    s.before.verdict = s.submission.verdict = REPORTS_COMPILE_ERROR;
    s.before.evidence = "exit code 1, expected 0";
    s.before.stderr_log = "visible.stderr";
    s.submission.first_bad = s.before.id;
    files = all_of_it(&s.submission, CLASS_BEFORE_DUE, logs);
    assert_non_null(strstr(files, "\"verdict\":\"compile-error\""));
    assert_non_null(strstr(files, "\"score\":0"));
    assert_non_null(strstr(files, "exit code 1, expected 0"));
    assert_non_null(strstr(files, "SAID-BY-visible-visible.stderr"));
    assert_null(strstr(files, "SAID-BY-hidden"));
    shown = platforms(&s.submission, CLASS_BEFORE_DUE, logs);
    assert_non_null(strstr(shown, "\"gradable\":false"));
    assert_null(strstr(shown, "\"score\":"));
    /* what is not its own doing is not explained, and nothing of it shown */
    s.before.verdict = s.submission.verdict = REPORTS_ERROR;
    s.submission.score = CLASS_UNKNOWN;
    other = all_of_it(&s.submission, CLASS_BEFORE_DUE, logs);
    assert_null(strstr(other, "SAID-BY"));
    assert_null(strstr(other, "exit code 1"));
    assert_non_null(strstr(other, "\"verdict\":\"ungraded\""));
    assert_null(strstr(other, "\"score\":"));
    remove_logs(logs);
}

static void test_logs_are_plain_files(void **state)
{
    static const char *const paths[] = {"link",        "fifo", "../etc/passwd",
                                        "/etc/passwd", ".",    "none"};
    int logs = make_logs();
    struct class_scene s;

    (void)state;
    class_scene(&s);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        cleanup_free char *files = NULL;

        s.cases[0].stdout_log = paths[i];
        s.cases[0].stderr_log = NULL;
        files = all_of_it(&s.submission, CLASS_BEFORE_DUE, logs);
        assert_null(strstr(files, "stdout"));
        assert_null(strstr(files, "Standard output"));
    }
    remove_logs(logs);
}

static void test_long_output_is_cut_between_letters(void **state)
{
    int logs = make_logs();
    cleanup_free char *files = NULL, *text = xmalloc(9000);
    struct class_scene s;

    (void)state;
    class_scene(&s);
    memset(text, 'x', 9000);
    for (size_t i = 1; i + 1 < 9000; i += 2)
        memcpy(text + i, "\xc3\xa9", 2); /* byte 4096 is the second of two */
    assert_int_equal(file_write_passing_at(logs, "visible.stdout", text, 9000, 0600), 0);
    files = all_of_it(&s.submission, CLASS_BEFORE_DUE, logs);
    assert_non_null(strstr(files, "[... 4905 more bytes]"));
    assert_null(strstr(files, "xC3"));
    remove_logs(logs);
}

static void test_that_this_is_seen_to_fail(void **state)
{
    cleanup_free char *files = NULL;
    struct class_scene s;

    (void)state;
#ifndef CUPEL_FAULT_INJECTION
    print_message("skip: this build cannot take a wall out (CUPEL_FAULT_INJECTION)\n");
    skip();
#endif
    class_scene(&s);
    assert_int_equal(setenv("CUPEL_WEAKEN", "hidden-cases", 1), 0);
    files = all_of_it(&s.submission, CLASS_BEFORE_DUE, -EBADF);
    assert_int_equal(unsetenv("CUPEL_WEAKEN"), 0);
    assert_non_null(strstr(files, "SAID-BY-hidden-evidence"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_hidden_is_in_no_file),
        cmocka_unit_test(test_nothing_tells_what_came_of_the_rest),
        cmocka_unit_test(test_the_verdict_is_that_of_what_is_seen),
        cmocka_unit_test(test_what_could_not_be_compiled_is_told),
        cmocka_unit_test(test_logs_are_plain_files),
        cmocka_unit_test(test_long_output_is_cut_between_letters),
        cmocka_unit_test(test_that_this_is_seen_to_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
