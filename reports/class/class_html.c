/* SPDX-License-Identifier: Apache-2.0 */
/* class_html: class.html, the whole class on one page, for staff. Not responsible for what a
 * student may see. */
#include "reports/class/class_columns.h"
#include "reports/class/page.h"
#include "reports/model.h"

#include <string.h>

#define BARS 10

static void add_cell(struct strbuf *to, const char *text)
{
    strbuf_adds(to, "<td>");
    if (text != NULL)
        page_text(to, text);
    strbuf_adds(to, "</td>");
}

static void add_number(struct strbuf *to, uint64_t points)
{
    strbuf_adds(to, "<td class=\"n\">");
    page_points(to, points);
    strbuf_adds(to, "</td>");
}

static int compare_scores(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Adds how many have which part of the points, in tenths. */
static void add_bars(struct strbuf *to, const size_t *bars, size_t most)
{
    strbuf_adds(to, "<table><thead><tr><th>points</th><th class=\"n\">students</th><th></th></tr>"
                    "</thead><tbody>\n");
    for (size_t i = 0; i < BARS; i++)
        strbuf_addf(to,
                    "<tr><td>%zu to %zu %%</td><td class=\"n\">%zu</td><td><span class=\"bar\" "
                    "style=\"width:%zupx\"></span></td></tr>\n",
                    i * 100 / BARS, (i + 1) * 100 / BARS, bars[i],
                    most > 0 ? bars[i] * 300 / most : 0);
    strbuf_adds(to, "</tbody></table>\n");
}

static void html_add_summary(const struct class_table *t, struct strbuf *to)
{
    cleanup_free uint64_t *scores = xcalloc(t->n + 1, sizeof(*scores));
    size_t graded = 0, submitted = 0, bars[BARS] = {0}, most = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct class_submission *s = &t->submissions[i];

        submitted += s->id != NULL;
        if (!class_is_graded(s))
            continue;
        scores[graded++] = s->score;
        if (s->points > 0) {
            size_t bar = (size_t)((unsigned __int128)s->score * BARS / s->points);

            bar = bar < BARS ? bar : BARS - 1;
            most = ++bars[bar] > most ? bars[bar] : most;
        }
    }
    strbuf_addf(to, "<p>Students: %zu, submissions: %zu, graded: %zu, ungraded: %zu", t->n,
                submitted, graded, submitted - graded);
    if (t->n_unknown > 0)
        strbuf_addf(to, ", not in the roster: %zu", t->n_unknown);
    if (graded > 0) {
        qsort(scores, graded, sizeof(*scores), compare_scores);
        strbuf_adds(to, "; median: ");
        page_points(to, scores[(graded - 1) / 2]);
        strbuf_adds(to, " points");
    }
    strbuf_adds(to, ".</p>\n");
    if (graded > 0)
        add_bars(to, bars, most);
}

static void html_add_header(const struct class_columns *c, struct strbuf *to)
{
    static const char *const fixed[] = {"id", "name", "e-mail", "group", "score", "max", "verdict"};

    strbuf_adds(to, "<h2>Students</h2>\n<table><thead><tr>");
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        strbuf_addf(to, "<th>%s</th>", fixed[i]);
    for (size_t i = 0; i < c->groups.n + c->cases.n; i++) {
        strbuf_adds(to, "<th>");
        page_text(to, i < c->groups.n ? c->groups.names[i] : c->cases.names[i - c->groups.n]);
        strbuf_adds(to, "</th>");
    }
    strbuf_adds(to, "<th>late</th><th>why ungraded</th></tr></thead><tbody>\n");
}

static void add_case_cell(const struct class_case *c, struct strbuf *to)
{
    if (c == NULL) {
        strbuf_adds(to, "<td></td>");
        return;
    }
    strbuf_addf(to, "<td class=\"n %s\" title=\"%s", page_kind(c->verdict),
                reports_verdict_name(c->verdict));
    if (c->evidence != NULL && *c->evidence != '\0') {
        strbuf_adds(to, ": ");
        page_text(to, c->evidence);
    }
    if (c->for_staff != NULL) {
        strbuf_adds(to, "\n");
        page_text(to, c->for_staff);
    }
    strbuf_adds(to, "\">");
    page_points(to, c->score);
    strbuf_adds(to, "</td>");
}

static void html_add_row(const struct class_columns *c, const struct class_submission *s,
                         struct strbuf *to)
{
    const struct roster_entry *e = s->entry;
    cleanup_strbuf struct strbuf reason = {0};

    strbuf_adds(to, "<tr>");
    add_cell(to, s->student);
    add_cell(to, e != NULL ? e->name : NULL);
    add_cell(to, e != NULL ? e->email : NULL);
    add_cell(to, e != NULL ? e->group : NULL);
    add_number(to, s->score);
    add_number(to, s->points);
    strbuf_addf(to, "<td class=\"%s\">%s</td>",
                !class_is_graded(s) ? "ungraded" : page_kind(s->verdict),
                s->id != NULL ? reports_verdict_name(s->verdict) : "");
    class_columns_groups(c, s);
    for (size_t i = 0; i < c->groups.n; i++) {
        const struct class_group *g = c->groups.at[i];

        add_number(to, g != NULL ? g->score : CLASS_UNKNOWN);
    }
    class_columns_cases(c, s);
    for (size_t i = 0; i < c->cases.n; i++)
        add_case_cell(c->cases.at[i], to);
    add_cell(to, e != NULL ? e->late : NULL);
    if (!class_is_graded(s))
        class_add_reason(s, &reason);
    add_cell(to, reason.data);
    strbuf_adds(to, "</tr>\n");
}

void class_html(const struct class_table *t, struct strbuf *to)
{
    struct class_columns c;

    class_columns_make(t, &c);
    page_begin(to, t->title);
    html_add_summary(t, to);
    html_add_header(&c, to);
    for (size_t i = 0; i < t->n; i++)
        html_add_row(&c, &t->submissions[i], to);
    strbuf_adds(to, "</tbody></table>\n");
    page_end(to);
    class_columns_free(&c);
}
