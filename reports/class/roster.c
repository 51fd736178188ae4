/* SPDX-License-Identifier: Apache-2.0 */
/* roster: who is in a class, from a CSV as spreadsheets and course platforms write it. Whoever
 * typed it may have made any mistake: each is told with its line, and none is guessed away. Not
 * responsible for who has submitted what. */
#include "reports/class/class.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#define PROBLEMS_MAX 20
#define COLUMNS_MAX 256
#define FIELD_SIZE_MAX 1000
#define ROWS_MAX 100000

enum roster_column {
    COLUMN_ID,
    COLUMN_NAME,
    COLUMN_EMAIL,
    COLUMN_GROUP,
    COLUMN_LATE,
    COLUMN_COUNT,
    COLUMN_OTHER,
};
static const struct {
    const char *word; /* in lower case, with nothing but letters and digits */
    enum roster_column column;
} column_words[] = {
    {"id", COLUMN_ID},         {"studentid", COLUMN_ID},  {"sid", COLUMN_ID},
    {"name", COLUMN_NAME},     {"fullname", COLUMN_NAME}, {"student", COLUMN_NAME},
    {"email", COLUMN_EMAIL},   {"mail", COLUMN_EMAIL},    {"emailaddress", COLUMN_EMAIL},
    {"group", COLUMN_GROUP},   {"section", COLUMN_GROUP}, {"late", COLUMN_LATE},
    {"lateness", COLUMN_LATE},
};

/* A file while it is read. */
struct reading {
    const char *file;
    const char *at, *end;
    char separator;
    unsigned line;     /* of what is read next, from 1 on */
    unsigned row_line; /* where the row begins that was read last */
    struct strbuf field[COLUMNS_MAX];
    size_t n_fields;
    enum roster_column column[COLUMNS_MAX];
    size_t n_columns;
    struct roster *roster;
    size_t room;
    struct strbuf *problems;
    unsigned n_problems;
    /* the first of them, in the order of lines: some are known only when all has been read */
    struct roster_problem {
        unsigned line;
        char *text;
    } first[PROBLEMS_MAX + 1];
};

static void BASE_PRINTF(3, 4) problem(struct reading *r, unsigned line, const char *fmt, ...)
{
    size_t at = r->n_problems < PROBLEMS_MAX ? r->n_problems : PROBLEMS_MAX, last = at;
    cleanup_strbuf struct strbuf text = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    for (; at > 0 && r->first[at - 1].line > line; at--)
        r->first[at] = r->first[at - 1];
    r->first[at] = (struct roster_problem){line, steal_ptr(text.data)};
    r->n_problems++;
    if (last == PROBLEMS_MAX)
        free(steal_ptr(r->first[last].text));
}

/* Writes down the first problems. */
static void tell_problems(struct reading *r)
{
    for (size_t i = 0; i < PROBLEMS_MAX && i < r->n_problems; i++) {
        text_add_line(r->problems, r->file);
        strbuf_addf(r->problems, ":%u: ", r->first[i].line);
        text_add_line(r->problems, r->first[i].text);
        strbuf_adds(r->problems, "\n");
        free(r->first[i].text);
    }
}

/* ---- rows ---- */

/* Takes the end of a line, if there is one: LF, CR LF, or CR alone. */
static bool take_newline(struct reading *r)
{
    if (r->at == r->end || (*r->at != '\n' && *r->at != '\r'))
        return false;
    r->at += *r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n' ? 2 : 1;
    r->line++;
    return true;
}

static bool ends_field(const struct reading *r)
{
    return r->at == r->end || *r->at == r->separator || *r->at == '\n' || *r->at == '\r';
}

/* Reads a field in quotes, up to its separator; a line that ends in it is a space. */
static void read_quoted(struct reading *r, struct strbuf *field)
{
    const unsigned begun = r->line;

    for (r->at++; r->at < r->end;) {
        if (*r->at == '"' && (r->at + 1 == r->end || r->at[1] != '"'))
            break;
        if (take_newline(r)) {
            strbuf_adds(field, " ");
            continue;
        }
        r->at += *r->at == '"'; /* the first of two, which stand for one */
        strbuf_add(field, r->at++, 1);
    }
    if (r->at == r->end) {
        problem(r, begun, "the quotes that are opened here are not closed");
        return;
    }
    r->at++;
    if (ends_field(r))
        return;
    problem(r, r->line, "after closing quotes comes a separator or the end of the line");
    while (!ends_field(r))
        r->at++;
}

/* Takes spaces at both ends off. */
static void trim(struct strbuf *field)
{
    size_t n = strspn(field->data, " \t");

    memmove(field->data, field->data + n, field->len - n + 1);
    field->len -= n;
    while (field->len > 0 && strchr(" \t", field->data[field->len - 1]) != NULL)
        field->data[--field->len] = '\0';
}

static void check_field(struct reading *r, const struct strbuf *field)
{
    const unsigned char *p = (const unsigned char *)field->data;

    if (field->len > FIELD_SIZE_MAX) {
        problem(r, r->row_line, "a field has at most %d bytes", FIELD_SIZE_MAX);
        return;
    }
    for (size_t i = 0; i < field->len;) {
        uint32_t c = 0;
        size_t n = text_decode(p + i, field->len - i, &c);

        if (n == 0) {
            problem(r, r->row_line, "a field is not UTF-8: save the file as CSV in UTF-8");
            return;
        }
        if (text_is_hidden(c)) {
            problem(r, r->row_line, "a field has a control character, or one that is not seen");
            return;
        }
        i += n;
    }
}

/* Reads the next row that is not empty into `field`. False: there is none. */
static bool read_row(struct reading *r)
{
    while (take_newline(r))
        ;
    r->row_line = r->line;
    r->n_fields = 0;
    if (r->at == r->end)
        return false;
    for (;;) {
        struct strbuf spare = {0},
                      *field = r->n_fields < COLUMNS_MAX ? &r->field[r->n_fields] : &spare;

        field->len = 0;
        strbuf_adds(field, "");
        if (r->at < r->end && *r->at == '"') {
            read_quoted(r, field);
        } else {
            const char *from = r->at;

            while (!ends_field(r))
                r->at++;
            strbuf_add(field, from, (size_t)(r->at - from));
        }
        trim(field);
        check_field(r, field);
        strbuf_free(&spare);
        r->n_fields++;
        if (r->at == r->end || *r->at != r->separator)
            break;
        r->at++;
    }
    (void)take_newline(r);
    if (r->n_fields <= COLUMNS_MAX)
        return true;
    problem(r, r->row_line, "a row has at most %d fields", COLUMNS_MAX);
    return false;
}

static bool is_blank(const struct reading *r)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (r->field[i].len > 0)
            return false;
    return true;
}

/* ---- columns ---- */

static enum roster_column find_column(const char *name)
{
    char word[32];
    size_t n = 0;

    for (; *name != '\0' && n < sizeof(word) - 1; name++)
        if (isalnum((unsigned char)*name))
            word[n++] = (char)tolower((unsigned char)*name);
    word[n] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(column_words); i++)
        if (str_eq(word, column_words[i].word))
            return column_words[i].column;
    return COLUMN_OTHER;
}

/* Says which columns are of no use, so that a misspelt one is noticed. */
static void tell_unused(struct reading *r)
{
    cleanup_strbuf struct strbuf names = {0};

    for (size_t i = 0; i < r->n_columns; i++)
        if (r->column[i] == COLUMN_OTHER && r->field[i].len > 0)
            strbuf_addf(&names, "%s'%s'", names.len > 0 ? ", " : "", r->field[i].data);
    if (names.len == 0)
        return;
    text_add_line(r->problems, r->file);
    strbuf_addf(r->problems, ":%u: not used: ", r->row_line);
    text_add_line(r->problems, names.data);
    strbuf_adds(r->problems, "\n");
}

static void read_columns(struct reading *r)
{
    bool has[COLUMN_COUNT] = {false};

    if (!read_row(r)) {
        if (r->n_problems == 0)
            problem(r, 1, "it is empty: the first line names the columns, such as id,name,email");
        return;
    }
    r->n_columns = r->n_fields;
    for (size_t i = 0; i < r->n_columns; i++) {
        enum roster_column c = r->column[i] = find_column(r->field[i].data);

        if (c == COLUMN_OTHER)
            continue;
        if (has[c])
            problem(r, r->row_line, "column '%s' stands here twice", r->field[i].data);
        has[c] = true;
    }
    if (!has[COLUMN_ID])
        problem(r, r->row_line,
                "there is no column 'id': the first line names the columns, such as "
                "id,name,email,group,late");
    if (r->n_problems == 0)
        tell_unused(r);
}

/* Returns what separates the fields: spreadsheets write what their language writes. */
static char find_separator(const char *at, const char *end)
{
    static const char separators[] = ",;\t";
    size_t n[3] = {0}, most = 0;

    for (; at < end && *at != '\n' && *at != '\r'; at++)
        for (size_t i = 0; i < 3; i++)
            n[i] += *at == separators[i];
    for (size_t i = 1; i < 3; i++)
        most = n[i] > n[most] ? i : most;
    return separators[most];
}

/* ---- entries ---- */

static void add_entry(struct reading *r)
{
    struct roster_entry e = {.line = r->row_line};
    const char **places[COLUMN_COUNT] = {[COLUMN_ID] = &e.id,
                                         [COLUMN_NAME] = &e.name,
                                         [COLUMN_EMAIL] = &e.email,
                                         [COLUMN_GROUP] = &e.group,
                                         [COLUMN_LATE] = &e.late};

    if (r->n_fields != r->n_columns) {
        problem(r, r->row_line, "there %s %zu field%s here and %zu in the first line",
                r->n_fields == 1 ? "is" : "are", r->n_fields, r->n_fields == 1 ? "" : "s",
                r->n_columns);
        return;
    }
    for (size_t i = 0; i < r->n_columns; i++)
        if (r->column[i] != COLUMN_OTHER && r->field[i].len > 0)
            *places[r->column[i]] =
                arena_strndup(r->roster->arena, r->field[i].data, r->field[i].len);
    if (e.id == NULL) {
        problem(r, r->row_line, "the id is empty");
        return;
    }
    if (r->roster->n == r->room) {
        r->room = 2 * r->room + 64;
        r->roster->list = xrealloc(r->roster->list, r->room * sizeof(*r->roster->list));
    }
    r->roster->list[r->roster->n++] = e;
}

static int compare_ids(const void *a_, const void *b_)
{
    const struct roster_entry *a = a_, *b = b_;
    int r = strcmp(a->id, b->id);

    return r != 0 ? r : (a->line > b->line) - (a->line < b->line);
}

static void sort_entries(struct reading *r)
{
    struct roster *of = r->roster;

    if (of->n > 0)
        qsort(of->list, of->n, sizeof(*of->list), compare_ids);
    for (size_t i = 1; i < of->n; i++)
        if (str_eq(of->list[i - 1].id, of->list[i].id))
            problem(r, of->list[i].line, "id '%s' stands in line %u already", of->list[i].id,
                    of->list[i - 1].line);
}

static void read_all(struct reading *r)
{
    static const char utf8[] = "\xef\xbb\xbf";

    if (r->end - r->at >= 2 &&
        (memcmp(r->at, "\xff\xfe", 2) == 0 || memcmp(r->at, "\xfe\xff", 2) == 0)) {
        problem(r, 1, "it is UTF-16: save the file as CSV in UTF-8");
        return;
    }
    if (r->end - r->at >= 3 && memcmp(r->at, utf8, 3) == 0)
        r->at += 3;
    if (memchr(r->at, '\0', (size_t)(r->end - r->at)) != NULL) {
        problem(r, 1, "it has NUL bytes: it is no text");
        return;
    }
    r->separator = find_separator(r->at, r->end);
    read_columns(r);
    if (r->n_problems > 0) /* what follows could not be told apart */
        return;
    while (read_row(r)) {
        if (r->roster->n == ROWS_MAX) {
            problem(r, r->row_line, "a roster has at most %d rows", ROWS_MAX);
            break;
        }
        if (!is_blank(r))
            add_entry(r);
    }
    sort_entries(r);
}

void roster_free(struct roster *r)
{
    if (r == NULL)
        return;
    arena_free(r->arena);
    free(r->list);
    free(r);
}

int roster_parse(const char *file, const char *data, size_t n, struct roster **ret,
                 struct strbuf *problems, struct cupel_error *err)
{
    struct reading *r = xcalloc(1, sizeof(*r));
    unsigned found;

    r->file = file;
    r->at = data;
    r->end = data + n;
    r->line = 1;
    r->problems = problems;
    r->roster = xcalloc(1, sizeof(*r->roster));
    r->roster->arena = arena_new();
    read_all(r);
    found = r->n_problems;
    tell_problems(r);
    if (found == 0)
        *ret = steal_ptr(r->roster);
    roster_free(r->roster);
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        strbuf_free(&r->field[i]);
    free(r);
    if (found == 0)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' is no roster: %u %s%s", file, found,
                          found == 1 ? "problem" : "problems",
                          found > PROBLEMS_MAX ? ", of which the first are shown" : "");
    cupel_error_hint(err, "docs/grading.md tells what a roster is");
    return -EINVAL;
}

int roster_read(const char *file, struct roster **ret, struct strbuf *problems,
                struct cupel_error *err)
{
    cleanup_free char *data = NULL;
    size_t n;
    int r = file_read_at(AT_FDCWD, file, ROSTER_SIZE_MAX, &data, &n);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read the roster '%s'", file);
    return roster_parse(file, data, n, ret, problems, err);
}

const struct roster_entry *roster_find(const struct roster *r, const char *id)
{
    const struct roster_entry wanted = {.id = id};
    size_t low = 0, high = r->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = strcmp(wanted.id, r->list[middle].id);

        if (c == 0)
            return &r->list[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
