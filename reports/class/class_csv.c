/* SPDX-License-Identifier: Apache-2.0 */
/* class_csv: class.csv, a row a student (RFC 4180), for spreadsheets. What students have chosen,
 * such as the name of a directory, must not become a formula there. Not responsible for what a
 * student may see: it is for staff. */
#include "base/weaken.h"
#include "reports/class/class_columns.h"
#include "reports/model.h"
#include "reports/report_text.h"

#include <string.h>

/* Whether a spreadsheet takes what begins so for a formula: also as East Asian forms of it. */
static bool begins_formula(const char *p)
{
    static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
                                       "\xef\xbc\xa0"};

    for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
        if (str_starts(p, wide[i]))
            return true;
    return *p != '\0' && strchr("=+-@", *p) != NULL;
}

/* Adds a text as a cell that is one wherever it is opened. An apostrophe before what would be a
 * formula makes a text of it, also behind a semicolon, at which spreadsheets of some languages
 * begin a cell whatever quotes there are. */
static void csv_add(struct strbuf *to, const char *text)
{
    cleanup_strbuf struct strbuf plain = {0};
    bool begins = true;

    text_escape(&plain, text, strlen(text), TEXT_LINE);
    strbuf_adds(to, "\"");
    for (const char *p = plain.data; *p != '\0'; p++) {
        if (begins && begins_formula(p) && !weakened("escape-csv"))
            strbuf_adds(to, "'");
        begins = *p == ';' || (begins && *p == ' ');
        strbuf_add(to, p, 1);
        if (*p == '"')
            strbuf_adds(to, "\"");
    }
    strbuf_adds(to, "\"");
}

static void csv_add_or_none(struct strbuf *to, const char *text)
{
    strbuf_adds(to, ",");
    if (text != NULL && *text != '\0')
        csv_add(to, text);
}

static void csv_add_points(struct strbuf *to, uint64_t points)
{
    char buf[MODEL_NUMBER_SIZE];

    strbuf_addf(to, ",%s", points != CLASS_UNKNOWN ? model_points(points, buf) : "");
}

/* Adds the names of columns, each once: a case may be called as a group, or "score". */
static void csv_add_names(struct strbuf *to, const char *const *names, size_t n,
                          struct strset *taken)
{
    for (size_t i = 0; i < n; i++) {
        cleanup_free char *name = xstrdup(names[i]);

        for (unsigned number = 2; !strset_add(taken, name); number++) {
            free(name);
            name = xasprintf("%s (%u)", names[i], number);
        }
        csv_add_or_none(to, name);
    }
}

static void csv_add_header(const struct class_columns *c, struct strbuf *to)
{
    static const char *const fixed[] = {"id",  "name",    "email", "score",
                                        "max", "verdict", "late",  "ungraded_reason"};
    struct strset taken = {0};

    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        (void)strset_add(&taken, fixed[i]);
    strbuf_adds(to, "id,name,email,score,max,verdict");
    csv_add_names(to, c->groups.names, c->groups.n, &taken);
    csv_add_names(to, c->cases.names, c->cases.n, &taken);
    strbuf_adds(to, ",late,ungraded_reason\r\n");
    strset_free(&taken);
}

static void csv_add_row(const struct class_columns *c, const struct class_submission *s,
                        struct strbuf *to)
{
    const struct roster_entry *e = s->entry;
    cleanup_strbuf struct strbuf reason = {0};

    csv_add(to, s->student);
    csv_add_or_none(to, e != NULL ? e->name : NULL);
    csv_add_or_none(to, e != NULL ? e->email : NULL);
    csv_add_points(to, s->score);
    csv_add_points(to, s->points);
    csv_add_or_none(to, s->id != NULL ? reports_verdict_name(s->verdict) : NULL);
    class_columns_groups(c, s);
    for (size_t i = 0; i < c->groups.n; i++)
        csv_add_points(to, c->groups.at[i] != NULL
                               ? ((const struct class_group *)c->groups.at[i])->score
                               : CLASS_UNKNOWN);
    class_columns_cases(c, s);
    for (size_t i = 0; i < c->cases.n; i++)
        csv_add_points(to, c->cases.at[i] != NULL
                               ? ((const struct class_case *)c->cases.at[i])->score
                               : CLASS_UNKNOWN);
    csv_add_or_none(to, e != NULL ? e->late : NULL);
    if (!class_is_graded(s))
        class_add_reason(s, &reason);
    csv_add_or_none(to, reason.data);
    strbuf_adds(to, "\r\n");
}

void class_csv(const struct class_table *t, struct strbuf *to)
{
    struct class_columns c;

    class_columns_make(t, &c);
    csv_add_header(&c, to);
    for (size_t i = 0; i < t->n; i++)
        csv_add_row(&c, &t->submissions[i], to);
    class_columns_free(&c);
}
