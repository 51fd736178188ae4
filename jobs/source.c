/* SPDX-License-Identifier: Apache-2.0 */
/* source: problems of a job file, collected while it is read and printed with the lines that they
 * are about. Not responsible for finding any, except bytes that are no text. */
#include "jobs/source.h"

#include <string.h>

#define MESSAGE_MAX 600
#define QUOTE_WIDTH 140 /* characters of a line shown around the caret */

void source_free(struct source *s)
{
    for (size_t i = 0; i < s->n_problems; i++)
        free(s->problems[i].message);
    free(s->problems);
    free(s->origins);
    free(s->inclusions);
    s->problems = NULL;
    s->n_problems = 0;
}

/* ---- where things come from ---- */

uint32_t source_add_origin(struct source *s, const struct source_origin *origin)
{
    uint32_t n = s->n_origins;

    if ((n & (n - 1)) == 0) /* full at every power of two */
        s->origins = xrealloc(s->origins, (n != 0 ? n * (size_t)2 : 1) * sizeof(*s->origins));
    s->origins[s->n_origins++] = *origin;
    return s->n_origins;
}

uint32_t source_file_of(const struct source *s, struct source_place place)
{
    return place.origin != 0 ? s->origins[place.origin - 1].file : 0;
}

int source_line_of(const struct source *s, struct source_place place)
{
    return place.line < SOURCE_OPTIONS && source_file_of(s, place) == 0 ? (int)place.line : 0;
}

const char *source_name_of(const struct source *s, struct source_place place)
{
    uint32_t file = source_file_of(s, place);

    return file != 0 ? s->inclusions[file - 1].name : s->file;
}

uint32_t source_add_file(struct source *s, const struct source_file *file)
{
    uint32_t n = s->n_inclusions;

    if ((n & (n - 1)) == 0)
        s->inclusions =
            xrealloc(s->inclusions, (n != 0 ? n * (size_t)2 : 1) * sizeof(*s->inclusions));
    s->inclusions[s->n_inclusions++] = *file;
    return s->n_inclusions;
}

/* ---- problems ---- */

/* Says whether a code point is no text: C0, DEL and C1. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* Makes bytes that came from a file safe to print; keeps at most `max` characters. */
static void add_printable(struct strbuf *out, const char *text, size_t n, size_t max, char instead)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0; i < n && max > 0; max--) {
        uint32_t c = 0;
        size_t length = text_decode(p + i, n - i, &c);

        if (length == 0 || text_is_hidden(c))
            strbuf_add(out, &instead, 1);
        else
            strbuf_add(out, p + i, length);
        i += length != 0 ? length : 1;
    }
}

void source_problem(struct source *s, struct source_place place, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf raw = {0};
    struct strbuf clean = {0};
    va_list ap;

    if (s->n_problems >= SOURCE_PROBLEMS_MAX) {
        s->n_dropped++;
        return;
    }
    va_start(ap, fmt);
    strbuf_vaddf(&raw, fmt, ap);
    va_end(ap);
    strbuf_add(&clean, "", 0);
    add_printable(&clean, raw.data, raw.len, MESSAGE_MAX, '?');
    if (s->problems == NULL)
        s->problems = xcalloc(SOURCE_PROBLEMS_MAX, sizeof(*s->problems));
    if (place.origin == 0)
        place.origin = s->reading;
    s->problems[s->n_problems] = (struct problem){place, s->n_problems, clean.data};
    s->n_problems++;
}

struct source_place source_place(const struct source *s, size_t offset)
{
    struct source_place place = source_at(1, 1);

    for (size_t i = 0; i < offset && i < s->len; i++) {
        if (s->text[i] == '\n')
            place = source_at(place.line + 1, 1);
        else if (((unsigned char)s->text[i] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

/* What another encoding of Unicode begins with: U+FEFF, or characters that are ASCII, as a job
 * file's first ones are. */
static const struct {
    const char *name;        /* iconv's */
    const char *bytes, *any; /* any[i] is not NUL: any byte but NUL */
    size_t n;
} encodings[] = {
    {"UTF-32", "\xff\xfe\0\0", "\0\0\0\0", 4}, {"UTF-32", "\0\0\xfe\xff", "\0\0\0\0", 4},
    {"UTF-16", "\xff\xfe", "\0\0", 2},         {"UTF-16", "\xfe\xff", "\0\0", 2},
    {"UTF-32LE", "\0\0\0\0", "x\0\0\0", 4},    {"UTF-32BE", "\0\0\0\0", "\0\0\0x", 4},
    {"UTF-16LE", "\0\0\0\0", "x\0x\0", 4},     {"UTF-16BE", "\0\0\0\0", "\0x\0x", 4},
};

static const char *other_encoding(const struct source *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        size_t n = 0;

        while (n < encodings[i].n && n < s->len &&
               (encodings[i].any[n] != '\0' ? s->text[n] != '\0'
                                            : s->text[n] == encodings[i].bytes[n]))
            n++;
        if (n == encodings[i].n)
            return encodings[i].name;
    }
    return NULL;
}

bool source_check_encoding(struct source *s)
{
    const unsigned char *p = (const unsigned char *)s->text;
    const char *other = other_encoding(s);

    if (other != NULL) {
        source_problem(s, source_at(1, 1),
                       "the file is %s: save it as UTF-8 (`iconv -f %s -t UTF-8`)", other, other);
        return false;
    }
    for (size_t i = 0; i < s->len;) {
        uint32_t c = 0;
        size_t length = text_decode(p + i, s->len - i, &c);

        if (length == 0) {
            source_problem(s, source_place(s, i), "byte 0x%02x is not valid UTF-8", p[i]);
            return false;
        }
        if (is_control(c) && strchr("\t\n\r", p[i]) == NULL && c != 0x85) {
            source_problem(s, source_place(s, i),
                           "control character 0x%02x is not allowed in a job file",
                           p[i + length - 1]);
            return false;
        }
        if (p[i] == '\0') { /* strchr finds the terminator */
            source_problem(s, source_place(s, i), "a NUL byte is not allowed in a job file");
            return false;
        }
        i += length;
    }
    return true;
}

static int compare_problems(const void *a, const void *b, void *data)
{
    const struct problem *x = a, *y = b;
    const struct source *s = data;
    uint32_t of_x = source_file_of(s, x->place), of_y = source_file_of(s, y->place);

    if (of_x != of_y)
        return of_x < of_y ? -1 : 1;
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return x->serial < y->serial ? -1 : 1;
}

/* The line that starts at `text`, cut to a window around the column, and a caret under that column.
 */
static void print_quote(struct strbuf *out, struct source_place place, const char *text, size_t n)
{
    size_t skip = place.column > QUOTE_WIDTH - 20 ? place.column - QUOTE_WIDTH / 2 : 0;
    size_t i = 0;

    for (size_t k = 0; k < skip && i < n; k++)
        for (i++; i < n && ((unsigned char)text[i] & 0xc0) == 0x80;)
            i++;
    strbuf_addf(out, "%5u | %s", place.line, skip != 0 ? "..." : "");
    add_printable(out, text + i, n - i, QUOTE_WIDTH, ' ');
    strbuf_addf(out, "\n      | %*s^\n", (int)(place.column - 1 - skip + (skip != 0 ? 3 : 0)), "");
}

/* How many levels of aliases are told; more tell nobody anything. */
#define WAYS_SHOWN 3

/* Through which aliases it came, the last first. */
static void add_way(const struct source *s, struct source_place place, struct strbuf *out)
{
    const char *before = " (by way of ";
    uint32_t at = place.origin;
    unsigned shown = 0;

    for (; at != 0 && shown < WAYS_SHOWN; at = s->origins[at - 1].before) {
        const struct source_origin *o = &s->origins[at - 1];

        if (o->at.line == 0)
            continue;
        strbuf_addf(out, "%s%s on line %u", before, o->word, o->at.line);
        before = ", ";
        shown++;
    }
    strbuf_adds(out, shown != 0 ? ")" : "");
}

/* Whether the same was said of the same place: what came there in several ways is one mistake. */
static bool was_said(const struct source *s, size_t i)
{
    const struct problem *p = &s->problems[i];

    for (size_t k = i; k-- > 0 && s->problems[k].place.line == p->place.line &&
                       s->problems[k].place.column == p->place.column;)
        if (str_eq(s->problems[k].message, p->message) &&
            source_file_of(s, s->problems[k].place) == source_file_of(s, p->place))
            return true;
    return false;
}

/* Where the printing of problems is: a file, and a line of it. */
struct source_cursor {
    struct source_file file;
    const char *line;
    uint32_t number; /* of the line */
};

static struct source_cursor cursor_of(const struct source *s, uint32_t file)
{
    struct source_cursor c = {.file = {.name = s->file, .text = s->text, .len = s->len},
                              .number = 1};

    if (file != 0)
        c.file = s->inclusions[file - 1];
    c.line = c.file.text;
    return c;
}

static void print_problem(const struct source *s, struct source_cursor *c, const struct problem *p,
                          struct strbuf *out)
{
    const char *end = c->file.text + c->file.len, *stop;

    for (; c->number < p->place.line && c->line < end; c->number++) {
        stop = memchr(c->line, '\n', (size_t)(end - c->line));
        c->line = stop != NULL ? stop + 1 : end;
    }
    text_add_line(out, c->file.name);
    strbuf_addf(out, ":%u:%u: %s", p->place.line, p->place.column, p->message);
    add_way(s, p->place, out);
    strbuf_adds(out, "\n");
    stop = c->line < end ? memchr(c->line, '\n', (size_t)(end - c->line)) : NULL;
    stop = stop != NULL ? stop : end;
    if (stop > c->line)
        print_quote(out, p->place, c->line, (size_t)(stop - c->line) - (stop[-1] == '\r'));
}

size_t source_print(struct source *s, struct strbuf *out)
{
    struct source_cursor cursor = cursor_of(s, 0);
    uint32_t file = 0;
    size_t printed = 0;

    if (s->n_problems != 0)
        qsort_r(s->problems, s->n_problems, sizeof(*s->problems), compare_problems, s);
    for (size_t i = 0; i < s->n_problems; i++) {
        const struct problem *p = &s->problems[i];

        if (was_said(s, i) || printed++ >= SOURCE_PRINT_MAX)
            continue;
        if (p->place.line >= SOURCE_OPTIONS) {
            text_add_line(out, s->options[p->place.line - SOURCE_OPTIONS]);
            strbuf_addf(out, ": %s\n", p->message);
            continue;
        }
        if (source_file_of(s, p->place) != file) {
            file = source_file_of(s, p->place);
            cursor = cursor_of(s, file);
        }
        print_problem(s, &cursor, p, out);
    }
    printed += s->n_dropped;
    if (printed > SOURCE_PRINT_MAX) {
        text_add_line(out, s->file);
        strbuf_addf(out, ": and %zu more problems; mend these first\n", printed - SOURCE_PRINT_MAX);
    }
    return printed;
}
