/* SPDX-License-Identifier: Apache-2.0 */
/* grade: a class is run, and what comes of it goes to tables, pages and the terminal. Not
 * responsible for the file's own solutions, which come before (reference_runs.c). */
#include "harness/grade/grade_private.h"

#define INTERRUPTED 130

static void say_plan(const struct grade_estimate *e)
{
    cleanup_strbuf struct strbuf text = {0};

    grade_estimate_say(e, &text);
    (void)fprintf(stderr, "cupel: %s\n", text.data);
}

/* Says how much of the plan (`data`) need not be run: that is known when all inputs were read. */
static void say_known(const void *data, size_t n)
{
    cleanup_strbuf struct strbuf text = {0};

    grade_estimate_say_known(data, n, &text);
    (void)fprintf(stderr, "cupel: %s\n", text.data);
}

/* Adds how many of the roster have submitted nothing, where there are some. */
static void add_absent(size_t n, struct strbuf *to)
{
    if (n > 0)
        strbuf_addf(to, " (and %zu of the roster %s submitted nothing)", n,
                    n == 1 ? "has" : "have");
}

/* Says how many have a grade, and who is not in the roster; returns how many have none. */
static size_t say_graded(const struct grade_options *o, const struct class_table *t)
{
    cleanup_strbuf struct strbuf unknown = {0}, absent = {0};
    size_t submitted = 0, ungraded = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct class_submission *s = &t->submissions[i];

        submitted += s->id != NULL;
        ungraded += s->id != NULL && !class_is_graded(s);
    }
    class_remark_unknown(t, o->roster, &unknown);
    add_absent(t->n - submitted, &absent);
    (void)fprintf(stderr,
                  "%scupel: graded: %zu of %zu%s; see class.csv, class.html and students/ in %s\n",
                  unknown.len > 0 ? unknown.data : "", submitted - ungraded, submitted,
                  absent.len > 0 ? absent.data : "", o->run.out);
    return ungraded;
}

/* Says whose rows are not there, since others were named. */
static void say_part(const struct grade_options *o, const struct grade_record *now,
                     const struct class_table *t)
{
    size_t here = 0;

    for (size_t i = 0; i < t->n; i++)
        here += t->submissions[i].id != NULL;
    if (o->is_part && now->n > here)
        (void)fprintf(stderr,
                      "cupel: class.csv, class.html and students/ are about these alone, and not "
                      "about %zu graded before: name all of them, or none, and nothing that has "
                      "a verdict is run again\n",
                      now->n - here);
}

/* Prints which scores are others than before. */
static int say_changes(const struct grade_record *before, const struct class_table *t,
                       struct cupel_error *err)
{
    cleanup_strbuf struct strbuf text = {0};
    size_t changed, new;

    grade_changes_say(before, t, &text, &changed, &new);
    if (before->n == 0)
        return 0; /* the first time, everything is new */
    (void)fprintf(stderr, "cupel: scores that are others than before: %zu; new submissions: %zu\n",
                  changed, new);
    if (text.len > 0 && (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0))
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot write what has changed");
    return 0;
}

/* Notes how long a run took, as far as enough of them were made to tell; says how many were not. */
static void note_time(const struct grade_options *o, const struct class_table *t, uint64_t took_ns,
                      struct grade_record *now)
{
    const size_t made = t->n_runs - t->n_known;

    if (t->n_known > 0)
        (void)fprintf(stderr, "cupel: known from before, and not run again: %zu of %zu runs\n",
                      t->n_known, t->n_runs);
    if (made > 0 && (now->run_ns == GRADE_UNKNOWN || made >= t->n_known))
        now->run_ns = took_ns * grade_slots(o) / made;
}

/* Writes what came of a run, once it has come to its end. */
static int report_class(const struct grade_options *o, const struct grade_chosen *c,
                        uint64_t took_ns, const struct grade_record *before, size_t *ret_ungraded,
                        struct cupel_error *err)
{
    const struct class_request q = {
        .out = o->run.out, .roster = o->roster, .job = c->job, .by = o->by, .now = o->moment};
    cleanup_strbuf struct strbuf remarks = {0};
    struct grade_record now = {0};
    struct class_opened of;
    int r = class_request_open(&q, &remarks, &of, err);

    (void)fputs(remarks.data != NULL ? remarks.data : "", stderr);
    if (r < 0)
        return r;
    r = class_write(o->run.out, of.table, CLASS_ALL_FORMATS, o->moment, of.logs, err);
    if (r == 0) {
        grade_record_make(of.table, before, o->is_part, &now);
        note_time(o, of.table, took_ns, &now);
        r = grade_record_write(o->run.out, &now, err);
    }
    if (r == 0) {
        *ret_ungraded = say_graded(o, of.table);
        say_part(o, &now, of.table);
        r = say_changes(before, of.table, err);
    }
    grade_record_free(&now);
    class_opened_close(&of);
    return r;
}

int grade_class(const struct grade_options *o, struct jobs_plan *plan, int *ret_exit,
                struct cupel_error *err)
{
    struct grade_record before = {0};
    struct grade_chosen chosen = {0};
    struct grade_estimate estimate;
    struct grade_options with = *o;
    uint64_t started;
    size_t ungraded = 0;
    int r = grade_choose(o, plan, &chosen, err);

    if (r < 0)
        return r;
    grade_record_read(o->run.out, &before);
    grade_estimate(&chosen, grade_slots(o), before.run_ns, &estimate);
    say_plan(&estimate);
    with.run.tell_known = say_known;
    with.run.tell_known_data = &estimate;
    started = clock_monotonic_ns();
    r = grade_run(&with, &chosen, o->run.out, ret_exit, err);
    if (r == 0 && *ret_exit == INTERRUPTED) {
        (void)fprintf(stderr,
                      "cupel: interrupted: tables and pages in %s are those of before; "
                      "the same command goes on with what has no verdict yet\n",
                      o->run.out);
    } else if (r == 0) {
        r = report_class(o, &chosen, clock_monotonic_ns() - started, &before, &ungraded, err);
        *ret_exit = ungraded > 0 ? CUPEL_ERROR_HARNESS : 0;
    }
    grade_record_free(&before);
    grade_chosen_free(&chosen);
    return r;
}
