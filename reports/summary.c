/* SPDX-License-Identifier: Apache-2.0 */
/* summary: the end of a run on the console: what failed, why, and the tail of what it printed; then
 * the counts and where the reports are. What a job printed stands behind a prefix and can look like
 * nothing of ours. */
#include "reports/console.h"
#include "reports/excerpt.h"
#include "reports/report_text.h"

#include <fcntl.h>
#include <string.h>

#define OUTPUT_PREFIX "    | "
#define TEXT_PREFIX "             " /* below the label */
#define TAIL_BYTES 4096
#define TAIL_LINES 20
/* A run that fails by the thousand is read in the reports, not on a screen. */
#define FAILURES_SHOWN 100
#define NOTES_SHOWN 20
#define FLAKY_SHOWN 20
#define TESTS_SHOWN 10 /* of a job */
#define TEST_MESSAGE_SHOWN 200

/* Where the last `lines` lines of the text begin. */
static size_t last_lines(const char *text, size_t n, size_t lines)
{
    size_t i = n > 0 && text[n - 1] == '\n' ? n - 1 : n;

    for (; i > 0; i--)
        if (text[i - 1] == '\n' && --lines == 0)
            break;
    return i;
}

static void print_note(struct reports_console *c, const char *style, const char *fmt, ...)
    BASE_PRINTF(3, 4);

static void print_note(struct reports_console *c, const char *style, const char *fmt, ...)
{
    cleanup_line struct console_line l = console_line(c);
    cleanup_strbuf struct strbuf text = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    console_add(&l, style, "%s", text.data);
    console_print(c, &l);
}

/* Text of someone else's on one line: a line break in it is shown. */
static void print_one_line(struct reports_console *c, const char *text)
{
    cleanup_strbuf struct strbuf shown = {0};

    text_escape(&shown, text, strlen(text), TEXT_LINE);
    console_print_wrapped(c, TEXT_PREFIX, shown.data, shown.len);
}

static void print_tail(struct reports_console *c, const char *title,
                       const struct excerpt_source *source)
{
    _cleanup_(excerpt_free) struct excerpt e = {0};
    const struct strbuf *text;
    size_t begin;
    int r;

    if (source->path == NULL)
        return;
    r = excerpt_read(c->out, source, 0, TAIL_BYTES, &e);
    if (r < 0) {
        print_note(c, "2", "  %s: cannot read %s: %s", title, source->path, strerror(-r));
        return;
    }
    text = e.tail.len > 0 ? &e.tail : &e.head; /* all of a short log is head */
    if (text->len == 0)
        return;
    begin = last_lines(text->data, text->len, TAIL_LINES);
    print_note(c, "2", "  %s%s (%s/%s)", title,
               begin > 0 || e.left_out > 0 ? ", the end of it" : "", reports_out_path(c->out),
               source->path);
    console_print_wrapped(c, OUTPUT_PREFIX, text->data + begin, text->len - begin);
}

/* Prints what came of each earlier attempt, a line each. */
static void print_previous(struct reports_console *c, const struct reports_result *result)
{
    for (size_t i = 0; i < result->n_previous; i++) {
        const struct reports_result *p = result->previous[i];
        cleanup_free char *text =
            xasprintf("attempt %zu: %s%s%s", i + 1, reports_verdict_name(p->verdict),
                      *p->evidence != '\0' ? ": " : "", p->evidence);

        print_one_line(c, text);
    }
}

static void print_leaks(struct reports_console *c, const struct reports_result *result)
{
    cleanup_strbuf struct strbuf text = {0};

    if (model_leaks(result, &text))
        print_one_line(c, text.data);
}

/* Prints the test cases that the job itself has reported as failed. */
static void print_tests(struct reports_console *c, const struct reports_tests *t)
{
    cleanup_strbuf struct strbuf records = {0};
    struct reports_test_cursor cursor;
    struct reports_test_case k;
    uint64_t n = 0;

    if (t == NULL || t->all[REPORTS_TEST_FAILED] + t->all[REPORTS_TEST_ERROR] == 0 ||
        reports_out_read_tests(c->out, t, &records) < 0)
        return;
    cursor = (struct reports_test_cursor){.at = records.data, .end = records.data + records.len};
    while (n < TESTS_SHOWN && reports_tests_next(&cursor, &k) > 0) {
        cleanup_free char *text = NULL;

        if (k.outcome != REPORTS_TEST_FAILED && k.outcome != REPORTS_TEST_ERROR)
            continue;
        n++;
        text = xasprintf("the job reports: %s: %s%s%s%s%.*s", reports_test_outcome_name(k.outcome),
                         k.group, *k.group != '\0' ? "." : "", k.name,
                         *k.message != '\0' ? ": " : "", TEST_MESSAGE_SHOWN, k.message);
        print_one_line(c, text);
    }
    if (t->all[REPORTS_TEST_FAILED] + t->all[REPORTS_TEST_ERROR] > n)
        print_note(
            c, NULL, TEXT_PREFIX "and %llu more test cases that failed",
            (unsigned long long)(t->all[REPORTS_TEST_FAILED] + t->all[REPORTS_TEST_ERROR] - n));
}

static void print_failure(struct reports_console *c, const struct reports_result *result)
{
    const struct reports_case *guilty = model_has_steps(result) ? model_guilty_case(result) : NULL;
    const struct excerpt_source from_out = {result->stdout_log,
                                            guilty != NULL ? guilty->stdout_from : 0,
                                            guilty != NULL ? guilty->stdout_to : UINT64_MAX};
    const struct excerpt_source from_err = {result->stderr_log,
                                            guilty != NULL ? guilty->stderr_from : 0,
                                            guilty != NULL ? guilty->stderr_to : UINT64_MAX};
    cleanup_line struct console_line l = console_line(c);
    char buf[CONSOLE_LABEL_SIZE];

    console_add_label(&l, console_label(result, buf), console_style(result), model_wall_ns(result));
    console_add(&l, "1", "%s", result->id);
    if (guilty != NULL)
        console_add(&l, NULL, ", step %s", guilty->name);
    if (model_is_allowed(result))
        console_add(&l, WARNING_STYLE, " (allowed to fail)");
    console_print(c, &l);
    console_print_wrapped(c, TEXT_PREFIX, result->evidence, strlen(result->evidence));
    print_tests(c, result->tests);
    print_previous(c, result);
    print_leaks(c, result);
    if (result->kept != NULL) {
        /* RUN/JOB: the newest of that name, which this is */
        const char *slash = strchr(result->kept, '/');
        cleanup_strbuf struct strbuf name = {0};

        text_add_shell_word(&name, slash != NULL ? slash + 1 : result->kept);
        print_note(c, NULL, TEXT_PREFIX "reopen: cupel shell --failed %s", name.data);
    }
    print_tail(c, "standard output", &from_out);
    print_tail(c, "standard error", &from_err);
    print_note(c, NULL, "%s", "");
}

static bool is_failure(const struct reports_result *result)
{
    return result->verdict != REPORTS_PASSED && result->verdict != REPORTS_SKIPPED &&
           result->verdict != REPORTS_CANCELLED && result->verdict != REPORTS_NOT_RUN;
}

/* Prints the jobs that passed in the end, but not at once, with what went wrong before. */
static void print_flaky(struct reports_console *c, const struct reports_run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_results; i++) {
        const struct reports_result *result = run->results[i];
        cleanup_line struct console_line l = console_line(c);
        char buf[CONSOLE_LABEL_SIZE];

        if (result == NULL || !model_is_flaky(result))
            continue;
        if (n++ == 0)
            print_note(c, NULL, "%s", "");
        if (n > FLAKY_SHOWN)
            continue;
        console_add_label(&l, console_label(result, buf), console_style(result),
                          model_wall_ns(result));
        console_add(&l, "1", "%s", result->id);
        console_print(c, &l);
        print_previous(c, result);
    }
    if (n > FLAKY_SHOWN)
        print_note(c, NULL, TEXT_PREFIX "and %zu more that are flaky", n - FLAKY_SHOWN);
}

static void print_failures(struct reports_console *c, const struct reports_run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_results; i++) {
        if (run->results[i] == NULL || !is_failure(run->results[i]) ||
            (c->by_submission && run->results[i]->verdict != REPORTS_ERROR))
            continue;
        if (n++ == 0)
            print_note(c, NULL, "%s", "");
        if (n <= FAILURES_SHOWN)
            print_failure(c, run->results[i]);
    }
    if (n > FAILURES_SHOWN)
        print_note(c, NULL, TEXT_PREFIX "and %zu more that did not pass", n - FAILURES_SHOWN);
}

/* "memory (3 jobs), cpu (1 job)": what --best-effort let go, each named once. */
static void print_unenforced(struct reports_console *c, const struct reports_run *run)
{
    struct count {
        const char *limit;
        size_t jobs;
    };
    cleanup_free struct count *counts = NULL;
    cleanup_strbuf struct strbuf text = {0};
    size_t n = 0;

    for (size_t i = 0; i < run->n_results; i++) {
        const char **list = run->results[i] != NULL ? run->results[i]->unenforced : NULL;

        for (; list != NULL && *list != NULL; list++) {
            size_t k = 0;

            while (k < n && !str_eq(counts[k].limit, *list))
                k++;
            if (k == n) {
                counts = xrealloc(counts, (n + 1) * sizeof(*counts));
                counts[n++] = (struct count){*list, 0};
            }
            counts[k].jobs++;
        }
    }
    for (size_t k = 0; k < n; k++)
        strbuf_addf(&text, "%s%s (%zu %s)", k > 0 ? ", " : "Not enforced: ", counts[k].limit,
                    counts[k].jobs, counts[k].jobs == 1 ? "job" : "jobs");
    if (n > 0)
        console_print_wrapped(c, TEXT_PREFIX, text.data, text.len);
}

static void print_notes(struct reports_console *c, const struct reports_run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_results; i++) {
        const char **note = run->results[i] != NULL ? run->results[i]->notes : NULL;

        for (; note != NULL && *note != NULL; note++) {
            cleanup_free char *text = xasprintf("Note: %s: %s", run->results[i]->id, *note);

            if (++n <= NOTES_SHOWN)
                console_print_wrapped(c, TEXT_PREFIX, text, strlen(text));
        }
    }
    if (n > NOTES_SHOWN)
        print_note(c, NULL, TEXT_PREFIX "and %zu more notes in %s/" OUT_JSONL, n - NOTES_SHOWN,
                   reports_out_path(c->out));
}

/* Prints what came of each submission, a line each: "x: wrong: failed at small, 10 of 100 points".
 */
static void print_submissions(struct reports_console *c, const struct reports_run *run)
{
    if (run->n_submissions > 0)
        print_note(c, NULL, "%s", "");
    for (size_t i = 0; i < run->n_submissions; i++) {
        cleanup_line struct console_line l = console_line(c);

        console_add_submission(&l, &run->submissions[i]);
        console_print(c, &l);
    }
    if (run->n_submissions > 0)
        print_note(c, NULL, "%s", "");
}

static void print_counts(struct reports_console *c, const struct reports_run *run)
{
    cleanup_line struct console_line l = console_line(c);
    struct console_tally tally = {0};
    size_t finished = 0;

    for (size_t i = 0; i < run->n_results; i++) {
        const struct reports_result *result = run->results[i];

        if (result == NULL)
            continue;
        finished++;
        console_tally(&tally, result);
    }
    console_add_label(&l, "Summary",
                      tally.verdict[REPORTS_PASSED] + tally.harmless == run->n_results ? "1;32"
                                                                                       : "1;31",
                      run->wall_ns);
    if (run->interrupted)
        console_add(&l, "1;33", "interrupted; ");
    console_add(&l, NULL, "%zu %s: ", run->n_results, run->n_results == 1 ? "job" : "jobs");
    console_add_counts(&l, &tally);
    if (finished < run->n_results)
        console_add(&l, NULL, "%s%zu not run", finished > 0 ? ", " : "", run->n_results - finished);
    console_print(c, &l);
}

void reports_console_summary(struct reports_console *c, const struct reports_run *run)
{
    console_clear(c);
    c->live = false; /* from here on lines simply follow each other */
    print_flaky(c, run);
    print_failures(c, run);
    if (!c->by_submission)
        print_submissions(c, run);
    print_counts(c, run);
    print_unenforced(c, run);
    print_notes(c, run);
    if (faccessat(c->out->dirfd, OUT_JUNIT, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        cleanup_free char *where = xasprintf("Report: %s/" OUT_JUNIT, reports_out_path(c->out));

        console_print_wrapped(c, TEXT_PREFIX, where, strlen(where));
    }
    console_flush(c, true);
}

void reports_console_failure(struct reports_console *c, const struct reports_result *result)
{
    console_clear(c);
    print_failure(c, result);
    console_flush(c, true);
}
