/* SPDX-License-Identifier: Apache-2.0 */
/* student_pages: what one student gets to see of a submission, as JSON and as a page. All of it
 * comes through the view (class_view.c): what that does not show is never looked at here. */
#include "reports/class/page.h"
#include "reports/json_build.h"
#include "reports/model.h"

#include <string.h>

#define KEPT_BACK "Not all results are shown here."

/* What programs printed is shown of cases that did not pass. */
static bool shows_output(const struct class_case *c)
{
    return class_view_explains(c) && c->verdict != REPORTS_PASSED && c->verdict != REPORTS_NOT_RUN;
}

static const char *verdict_of(const struct class_view *v)
{
    return v->of->id == NULL ? "nothing submitted"
           : v->ungraded     ? "ungraded"
           : !v->has_verdict ? NULL
                             : reports_verdict_name(v->verdict);
}

/* ---- JSON ---- */

static void put_printed(json_t *object, const char *key, int logs, const char *path, size_t max)
{
    cleanup_strbuf struct strbuf text = {0};

    if (printed_read(logs, path, max, &text))
        build_text(object, key, text.data);
}

static json_t *case_object(const struct class_case *c, int logs)
{
    json_t *o = build_checked(json_object());

    build_text(o, "name", c->name);
    build_text(o, "group", c->group);
    build_text(o, "description", c->description);
    build_text(o, "verdict", reports_verdict_name(c->verdict));
    build_points(o, "points", c->points);
    build_points(o, "score", c->score);
    if (class_view_explains(c)) {
        build_text(o, "evidence", c->evidence);
        build_text(o, "message", c->for_all);
    }
    if (c->verdict != REPORTS_PASSED)
        build_text(o, "hint", c->hint);
    if (c->cpu_ns != CLASS_UNKNOWN)
        build_put(o, "cpu_seconds", json_real((double)c->cpu_ns / 1e9));
    if (c->memory_bytes != CLASS_UNKNOWN)
        build_put(o, "memory_anonymous_peak_bytes", json_integer((json_int_t)c->memory_bytes));
    if (!shows_output(c))
        return o;
    put_printed(o, "stdout", logs, c->stdout_log, PRINTED_OF_CASE);
    put_printed(o, "stderr", logs, c->stderr_log, PRINTED_OF_CASE);
    return o;
}

static json_t *groups_array(const struct class_view *v)
{
    json_t *list = build_checked(json_array());

    for (size_t i = 0; i < v->of->n_groups; i++) {
        const struct class_group *g = &v->of->groups[i];
        json_t *o;

        if (!v->shows_group[i])
            continue;
        o = build_checked(json_object());
        build_text(o, "name", g->name);
        build_points(o, "points", g->points);
        if (v->shows_group_score[i])
            build_points(o, "score", g->score);
        build_append(list, o);
    }
    return list;
}

static void put_compile(json_t *o, const struct class_view *v, int logs)
{
    build_text(o, "reason", v->before_reason);
    if (!v->has_compile_log)
        return;
    put_printed(o, "compile_stdout", logs, v->of->before->stdout_log, PRINTED_OF_COMPILER);
    put_printed(o, "compile_stderr", logs, v->of->before->stderr_log, PRINTED_OF_COMPILER);
}

int student_json(const struct class_view *v, int logs, struct strbuf *to)
{
    const struct class_submission *s = v->of;
    json_t *o = build_checked(json_object()), *cases = build_checked(json_array());

    build_text(o, "student", s->student);
    if (s->entry != NULL)
        build_text(o, "name", s->entry->name);
    build_text(o, "verdict", verdict_of(v));
    build_text(o, "first_bad", v->first_bad);
    build_points(o, "points", s->points);
    build_points(o, "score", v->score);
    build_put(o, "complete", json_boolean(v->whole));
    put_compile(o, v, logs);
    build_put(o, "groups", groups_array(v));
    for (size_t i = 0; i < s->n_cases; i++)
        if (class_view_shows(v, &s->cases[i]))
            build_append(cases, case_object(&s->cases[i], logs));
    build_put(o, "cases", cases);
    return build_line(o, to);
}

/* ---- a page ---- */

static void add_printed(struct strbuf *to, const char *what, int logs, const char *path, size_t max)
{
    cleanup_strbuf struct strbuf text = {0};

    if (!printed_read(logs, path, max, &text))
        return;
    strbuf_addf(to, "<p>%s:</p><pre>", what);
    page_text(to, text.data);
    strbuf_adds(to, "</pre>\n");
}

static void add_points_of(struct strbuf *to, uint64_t score, uint64_t points)
{
    if (score == CLASS_UNKNOWN)
        return;
    page_points(to, score);
    strbuf_adds(to, " of ");
    page_points(to, points);
    strbuf_adds(to, points == 1000 ? " point" : " points");
}

static void add_figures(struct strbuf *to, const struct class_case *c)
{
    char text[UNIT_TEXT_SIZE];

    if (c->cpu_ns != CLASS_UNKNOWN)
        strbuf_addf(to, "<p>CPU time %s", unit_format_duration(c->cpu_ns, text));
    if (c->memory_bytes != CLASS_UNKNOWN)
        strbuf_addf(to, "%smemory %s", c->cpu_ns != CLASS_UNKNOWN ? ", " : "<p>",
                    unit_format_size(c->memory_bytes, text));
    if (c->cpu_ns != CLASS_UNKNOWN || c->memory_bytes != CLASS_UNKNOWN)
        strbuf_adds(to, "</p>\n");
}

static void add_case(struct strbuf *to, const struct class_case *c, int logs)
{
    strbuf_adds(to, "<h2>");
    page_text(to, c->name);
    strbuf_addf(to, "</h2>\n<p class=\"%s\"><b>%s</b> ", page_kind(c->verdict),
                reports_verdict_name(c->verdict));
    add_points_of(to, c->score, c->points);
    strbuf_adds(to, "</p>\n");
    page_paragraph(to, "", c->description);
    if (class_view_explains(c)) {
        page_paragraph(to, "", c->evidence);
        page_paragraph(to, "The checker says: ", c->for_all);
    }
    if (c->verdict != REPORTS_PASSED)
        page_paragraph(to, "Hint: ", c->hint);
    add_figures(to, c);
    if (!shows_output(c))
        return;
    add_printed(to, "Standard output", logs, c->stdout_log, PRINTED_OF_CASE);
    add_printed(to, "Standard error", logs, c->stderr_log, PRINTED_OF_CASE);
}

static void add_groups(struct strbuf *to, const struct class_view *v)
{
    bool any = false;

    for (size_t i = 0; i < v->of->n_groups; i++) {
        const struct class_group *g = &v->of->groups[i];

        if (!v->shows_group[i] || !v->shows_group_score[i])
            continue;
        strbuf_adds(to, any ? "" : "<table><thead><tr><th>group</th><th>points</th></tr></thead>");
        any = true;
        strbuf_adds(to, "<tr><td>");
        page_text(to, g->name);
        strbuf_adds(to, "</td><td>");
        add_points_of(to, g->score, g->points);
        strbuf_adds(to, "</td></tr>\n");
    }
    if (any)
        strbuf_adds(to, "</table>\n");
}

void student_html(const struct class_view *v, const char *title, int logs, struct strbuf *to)
{
    const struct class_submission *s = v->of;
    const char *verdict = verdict_of(v);

    page_begin(to, title);
    page_paragraph(to, "", s->student);
    if (s->entry != NULL)
        page_paragraph(to, "", s->entry->name);
    if (verdict != NULL)
        strbuf_addf(to, "<p class=\"%s\"><b>%s</b> ",
                    s->id == NULL || v->ungraded ? "ungraded" : page_kind(v->verdict), verdict);
    else
        strbuf_adds(to, "<p>");
    add_points_of(to, v->score, s->points);
    strbuf_adds(to, "</p>\n");
    if (!v->whole)
        page_paragraph(to, "", KEPT_BACK);
    if (v->ungraded)
        page_paragraph(to, "", "It could not be judged, which is not the submission's doing.");
    page_paragraph(to, "", v->before_reason);
    if (v->has_compile_log) {
        add_printed(to, "The compiler says", logs, s->before->stderr_log, PRINTED_OF_COMPILER);
        add_printed(to, "Standard output", logs, s->before->stdout_log, PRINTED_OF_COMPILER);
    }
    add_groups(to, v);
    for (size_t i = 0; i < s->n_cases; i++)
        if (class_view_shows(v, &s->cases[i]))
            add_case(to, &s->cases[i], logs);
    page_end(to);
}
