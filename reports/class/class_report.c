/* SPDX-License-Identifier: Apache-2.0 */
/* class_report: from the out directory of a run to what is said of the class in it, in one call.
 * Not responsible for what any file says, nor for where remarks are printed. */
#include "reports/class/class.h"

#include "reports/report_text.h"

#include <string.h>

/* How many are named who are not in the roster. */
#define UNKNOWN_NAMED_MAX 20

int class_request_open(const struct class_request *q, struct strbuf *remarks,
                       struct class_opened *ret, struct cupel_error *err)
{
    struct class_wanted wanted = {.job = q->job, .by = q->by};
    int r = 0;

    *ret = (struct class_opened){.logs = -EBADF};
    if (q->roster != NULL) {
        r = roster_read(q->roster, &ret->roster, remarks, err);
        wanted.roster = ret->roster;
    }
    if (r == 0)
        r = class_read(q->out, &wanted, &ret->table, &ret->logs, err);
    if (r < 0)
        class_opened_close(ret);
    return r;
}

void class_opened_close(struct class_opened *o)
{
    class_free(o->table);
    roster_free(o->roster);
    base_closep(&o->logs);
    *o = (struct class_opened){.logs = -EBADF};
}

static void add_quoted(struct strbuf *to, const char *text)
{
    strbuf_adds(to, "'");
    text_escape(to, text, strlen(text), TEXT_LINE);
    strbuf_adds(to, "'");
}

/* Says that the roster is of others: other ids, or another class. */
static void remark_all_unknown(const struct class_table *t, const char *roster,
                               struct strbuf *remarks)
{
    const char *of_roster = NULL, *of_submission = NULL;

    for (size_t i = t->n; i-- > 0;)
        *(t->submissions[i].id != NULL ? &of_submission : &of_roster) = t->submissions[i].student;
    strbuf_addf(remarks, "%s: there is no row of any submission: ", roster);
    add_quoted(remarks, of_roster);
    strbuf_adds(remarks, " is an id here, ");
    add_quoted(remarks, of_submission);
    strbuf_adds(remarks, " is one of theirs\n");
}

void class_remark_unknown(const struct class_table *t, const char *roster, struct strbuf *remarks)
{
    size_t submitted = 0, named = 0;

    for (size_t i = 0; i < t->n; i++)
        submitted += t->submissions[i].id != NULL;
    if (t->n_unknown > 1 && t->n_unknown == submitted) {
        remark_all_unknown(t, roster, remarks);
        return;
    }
    for (size_t i = 0; named < t->n_unknown && named < UNKNOWN_NAMED_MAX && i < t->n; i++) {
        if (t->submissions[i].entry != NULL)
            continue;
        strbuf_addf(remarks, "%s: there is no row of ", roster);
        add_quoted(remarks, t->submissions[i].student);
        strbuf_adds(remarks, "\n");
        named++;
    }
    if (named < t->n_unknown)
        strbuf_addf(remarks, "%s: there is no row of %zu more\n", roster, t->n_unknown - named);
}

int class_report(const struct class_request *q, struct strbuf *remarks, struct class_counts *ret,
                 struct cupel_error *err)
{
    _cleanup_(class_opened_close) struct class_opened o;
    int r = class_request_open(q, remarks, &o, err);

    *ret = (struct class_counts){0};
    if (r < 0)
        return r;
    class_remark_unknown(o.table, q->roster, remarks);
    ret->students = o.table->n;
    for (size_t i = 0; i < o.table->n; i++) {
        const struct class_submission *s = &o.table->submissions[i];

        ret->submissions += s->id != NULL;
        ret->ungraded += s->id != NULL && !class_is_graded(s);
    }
    return class_write(q->to != NULL ? q->to : q->out, o.table, q->formats, q->now, o.logs, err);
}
