/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_roster: any bytes as a roster. Either each problem has its line and is fit for a terminal,
 * or who is in it is all there, each once; and a table of them has one row each, of which no cell
 * is a formula. */
#include "fuzz.h"

#include "reports/class/class.h"

/* Reads a cell in a way of its own; returns what follows it. */
static const char *skip_cell(const char *p)
{
    if (*p != '"') {
        p += strcspn(p, ",\r");
        FUZZ_EXPECT(memchr("=+@", *p, 4) == NULL || *p == '\0');
        return p;
    }
    p++;
    FUZZ_EXPECT(strchr("=+-@", p[strspn(p, " ")]) == NULL || p[strspn(p, " ")] == '\0');
    while (*p != '"' || p[1] == '"') {
        FUZZ_EXPECT(*p != '\0' && *p != '\n' && *p != '\r');
        p += *p == '"' ? 2 : 1;
    }
    return p + 1;
}

static size_t count_rows(const char *p)
{
    size_t rows = 0, columns = 0;

    for (; *p != '\0'; rows++) {
        size_t n = 1;

        for (p = skip_cell(p); *p == ','; n++)
            p = skip_cell(p + 1);
        FUZZ_EXPECT(p[0] == '\r' && p[1] == '\n');
        p += 2;
        columns = rows == 0 ? n : columns;
        FUZZ_EXPECT(n == columns);
    }
    return rows;
}

static void check_text(const char *text)
{
    FUZZ_EXPECT(text == NULL || (*text != '\0' && fuzz_is_utf8(text, strlen(text)) &&
                                 fuzz_is_harmless(text, strlen(text), "")));
}

static void check_roster(const struct roster *r)
{
    struct class_submission *list = xcalloc(r->n + 1, sizeof(*list));
    const struct class_table t = {.title = "x", .submissions = list, .n = r->n};
    cleanup_strbuf struct strbuf csv = {0}, html = {0};

    for (size_t i = 0; i < r->n; i++) {
        const struct roster_entry *e = &r->list[i];

        FUZZ_EXPECT(e->id != NULL && e->line > 1 && roster_find(r, e->id) == e);
        FUZZ_EXPECT(i == 0 || strcmp(r->list[i - 1].id, e->id) < 0);
        check_text(e->id);
        check_text(e->name);
        check_text(e->email);
        check_text(e->group);
        check_text(e->late);
        list[i] = (struct class_submission){.student = e->id, .entry = e, .score = CLASS_UNKNOWN};
    }
    class_csv(&t, &csv);
    FUZZ_EXPECT(count_rows(csv.data) == r->n + 1);
    class_html(&t, &html);
    FUZZ_EXPECT(fuzz_is_utf8(html.data, html.len) && fuzz_is_harmless(html.data, html.len, "\n"));
    free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct roster *r = NULL;
    struct cupel_error err = {0};

    strbuf_adds(&problems, "");
    if (roster_parse("r.csv", size > 0 ? (const char *)data : "", size, &r, &problems, &err) == 0) {
        check_roster(r);
        roster_free(r);
    } else {
        FUZZ_EXPECT(r == NULL && err.kind == CUPEL_ERROR_INPUT && err.hint[0] != '\0');
        FUZZ_EXPECT(problems.len > 0);
    }
    for (const char *line = problems.data; *line != '\0'; line += strcspn(line, "\n") + 1)
        FUZZ_EXPECT(str_starts(line, "r.csv:") && line[6] >= '1' && line[6] <= '9' &&
                    fuzz_is_harmless(line, strcspn(line, "\n"), ""));
    return 0;
}
