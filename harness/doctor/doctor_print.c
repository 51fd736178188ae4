/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_print: the report as a table for people and as JSON for machines. */
#include "harness/doctor/doctor.h"

#include <jansson.h>
#include <string.h>

static const struct {
    const char *name;
    const char *colour;
} states[] = {
    [DOCTOR_WORKS] = {"works", "\033[32m"},
    [DOCTOR_DEGRADED] = {"degraded", "\033[33m"},
    [DOCTOR_MISSING] = {"missing", "\033[31m"},
};
#define STATE_WIDTH 8
#define RESET "\033[0m"

const char *doctor_state_name(enum doctor_state state)
{
    return states[state].name;
}

static int stream_result(FILE *stream)
{
    return fflush(stream) != 0 || ferror(stream) ? -EIO : 0;
}

/* ---- text ---- */

struct widths {
    int name;
    int needed_by;
};

static struct widths measure(const struct doctor_report *report)
{
    struct widths w = {0, 0};

    for (size_t i = 0; i < report->n; i++) {
        int name = (int)strlen(report->rows[i].name),
            needed_by = (int)strlen(report->rows[i].needed_by);

        w.name = name > w.name ? name : w.name;
        w.needed_by = needed_by > w.needed_by ? needed_by : w.needed_by;
    }
    return w;
}

static void print_state(enum doctor_state state, FILE *stream, bool colour)
{
    const char *name = states[state].name;

    (void)fprintf(stream, "%s%s%s%*s  ", colour ? states[state].colour : "", name,
                  colour ? RESET : "", STATE_WIDTH - (int)strlen(name), "");
}

static void print_row(const struct doctor_row *row, struct widths w, FILE *stream, bool colour)
{
    const struct doctor_finding *f = &row->finding;

    print_state(f->state, stream, colour);
    if (f->state == DOCTOR_WORKS && f->detail[0] != '\0')
        (void)fprintf(stream, "%-*s  %-*s  %s\n", w.name, row->name, w.needed_by, row->needed_by,
                      f->detail);
    else
        (void)fprintf(stream, "%-*s  %s\n", w.name, row->name, row->needed_by);
    if (f->state != DOCTOR_WORKS)
        (void)fprintf(stream, "%*s%s; to get it: %s\n", STATE_WIDTH + 2, "", f->detail, f->remedy);
}

/* Whether it is missing, and a job file of this caller's that asks for it is refused. */
static bool is_refused(const struct doctor_row *row)
{
    static const char *const keys[] = {"limits: ", "network: ", "rootfs: "};

    if (row->required || row->of_others || row->finding.state != DOCTOR_MISSING)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (str_starts(row->needed_by, keys[i]))
            return true;
    return false;
}

static void print_can_run(const struct doctor_report *report, FILE *stream)
{
    const char *before = "; it refuses jobs that need: ";

    (void)fputs("\ncupel run can work on this host", stream);
    for (size_t i = 0; i < report->n; i++) {
        if (!is_refused(&report->rows[i]))
            continue;
        (void)fprintf(stream, "%s%s", before, report->rows[i].name);
        before = ", ";
    }
    (void)fputs(".\n", stream);
}

static void print_summary(const struct doctor_report *report, FILE *stream)
{
    const char *comma = "";

    if (doctor_can_run(report)) {
        print_can_run(report, stream);
        return;
    }
    (void)fputs("\ncupel run cannot work on this host, for want of: ", stream);
    for (size_t i = 0; i < report->n; i++) {
        if (!report->rows[i].required || report->rows[i].finding.state != DOCTOR_MISSING)
            continue;
        (void)fprintf(stream, "%s%s", comma, report->rows[i].name);
        comma = ", ";
    }
    (void)fputs(".\n", stream);
}

int doctor_print(const struct doctor_report *report, FILE *stream, bool colour)
{
    struct widths w = measure(report);

    for (size_t i = 0; i < report->n; i++)
        print_row(&report->rows[i], w, stream, colour);
    print_summary(report, stream);
    return stream_result(stream);
}

/* ---- JSON ---- */

/* Paths and what programs print need not be UTF-8, which JSON has to be. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    char *clean;

    if (value != NULL)
        return value;
    clean = xstrdup(text);
    for (char *p = clean; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    value = json_string(clean);
    free(clean);
    return value;
}

static json_t *row_value(const struct doctor_row *row)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:o}", "id", row->id, "name", row->name,
                     "state", doctor_state_name(row->finding.state), "required", row->required,
                     "needed_by", row->needed_by, "detail", text_value(row->finding.detail),
                     "remedy", text_value(row->finding.remedy));
}

int doctor_print_json(const struct doctor_report *report, FILE *stream)
{
    json_t *rows = json_array(), *object;
    int r;

    for (size_t i = 0; i < report->n; i++)
        (void)json_array_append_new(rows, row_value(&report->rows[i]));
    object = json_pack("{s:s, s:b, s:o}", "version", CUPEL_VERSION, "can_run",
                       doctor_can_run(report), "capabilities", rows);
    r = text_put_json(json_dumps(object, JSON_INDENT(2)), stream);
    json_decref(object);
    return r < 0 ? r : stream_result(stream);
}
