/* SPDX-License-Identifier: Apache-2.0 */
/* syntax: libyaml's errors as sentences for people who never read the YAML specification. Knows the
 * messages of libyaml 0.2 (src/scanner.c, src/parser.c); one that it does not know is passed on as
 * it is. Finds no errors itself. */
#include "jobs/syntax.h"

#include <string.h>
#include <yaml.h>

/* What is known of the place where the parser stopped. */
struct syntax_stop {
    struct source *source;
    struct source_place place; /* of the problem */
    /* where the construct began that the problem is in; line 0: not known */
    struct source_place opened;
    const char *line; /* the problem's line, without its end */
    size_t n;
    size_t at;     /* byte of the line where the problem is, at most n */
    size_t indent; /* blanks that the line begins with */
};

#define QUOTE_IT "put the text in quotes, or on the lines below 'KEY: |'"

static struct source_place syntax_place_of(yaml_mark_t mark)
{
    return source_at((uint32_t)mark.line + 1, (uint32_t)mark.column + 1);
}

static char char_at(const struct syntax_stop *stop)
{
    return stop->at < stop->n ? stop->line[stop->at] : '\0';
}

/* Whether nothing but blanks stands before the problem in its line. */
static bool begins_line(const struct syntax_stop *stop)
{
    return stop->at <= stop->indent;
}

/* Returns the last byte before the problem that is no blank, or NUL. */
static char char_before(const struct syntax_stop *stop)
{
    size_t i = stop->at < stop->n ? stop->at : stop->n;

    while (i > 0 && (stop->line[i - 1] == ' ' || stop->line[i - 1] == '\t'))
        i--;
    return i > 0 ? stop->line[i - 1] : '\0';
}

/* The same before what '&', '*', '!', '|' or '>' begins; ' ' where there is nothing. */
static char before_indicator(const struct syntax_stop *stop)
{
    size_t i = stop->at < stop->n ? stop->at : stop->n;

    while (i > 0 && strchr("&*!|> \t", stop->line[i - 1]) != NULL)
        i--;
    return i > 0 ? stop->line[i - 1] : ' ';
}

/* Whether the line has a "key: " before the problem. */
static bool has_earlier_key(const struct syntax_stop *stop)
{
    for (size_t i = 0; i + 1 < stop->at && i + 1 < stop->n; i++)
        if (stop->line[i] == ':' && stop->line[i + 1] == ' ')
            return true;
    return false;
}

/* ---- one function for each kind of mistake ---- */

static void value_in_text(struct syntax_stop *stop)
{
    if (has_earlier_key(stop))
        source_problem(stop->source, stop->place, "': ' within a value ends it; " QUOTE_IT);
    else
        source_problem(stop->source, stop->place,
                       "a key cannot stand here, since the line above has a value already; check "
                       "the indentation of "
                       "this line, or put the text in quotes if the ':' belongs to it");
}

/* "[ -f x ] && y": the value has ended at the bracket. */
static bool goes_on_after_bracket(struct syntax_stop *stop)
{
    size_t end = stop->at < stop->n ? stop->at : stop->n, begin;

    while (end > 0 && strchr("&*!|> \t", stop->line[end - 1]) != NULL)
        end--;
    if (begins_line(stop) || end == 0 || strchr("]}", stop->line[end - 1]) == NULL)
        return false;
    begin = end + strspn(stop->line + end, " \t");
    stop->place.column -= (uint32_t)(stop->at > begin ? stop->at - begin : 0);
    source_problem(stop->source, stop->place, "text goes on after the '%c'; " QUOTE_IT,
                   stop->line[end - 1]);
    return true;
}

static bool goes_on_after_value(struct syntax_stop *stop)
{
    if (goes_on_after_bracket(stop))
        return true;
    if (begins_line(stop) || strchr("\"'", before_indicator(stop)) == NULL)
        return false;
    source_problem(stop->source, stop->opened.line != 0 ? stop->opened : stop->place,
                   "text goes on after the closing quote; " QUOTE_IT);
    return true;
}

static void no_key(struct syntax_stop *stop)
{
    char c = char_at(stop);

    if (c == '}' || c == ']')
        source_problem(stop->source, stop->place, "'%c' closes nothing: there is no '%c' before it",
                       c, c == '}' ? '{' : '[');
    else if (goes_on_after_bracket(stop))
        return;
    else if (!begins_line(stop) && (char_before(stop) == '"' || char_before(stop) == '\''))
        source_problem(stop->source, stop->place,
                       "text goes on after the closing quote; " QUOTE_IT);
    else if (c == '-')
        source_problem(stop->source, stop->place,
                       "a list item ('- ...') cannot stand among keys; indent the list below the "
                       "key that it belongs to");
    else
        source_problem(
            stop->source, stop->place,
            "this line is indented by %zu, which is that of no key above it; check its indentation "
            "(the keys that begin on line %u are indented by %u)",
            stop->indent, stop->opened.line, stop->opened.column - 1);
}

/* Explains that within brackets `close` or a comma was expected. */
static void unclosed(struct syntax_stop *stop, char open, char close)
{
    bool ended = stop->at >= stop->n;
    char before = char_before(stop);

    bool later = stop->place.line > stop->opened.line;
    /* taken for text of the line above */
    bool next_key = later && char_at(stop) == ':' && !has_earlier_key(stop);

    if (stop->opened.line != 0 && (ended || next_key || (later && begins_line(stop)))) {
        source_problem(
            stop->source, stop->opened,
            "the '%c' opened on line %u is never closed: '%c' (or ',') is missing before line %u",
            open, stop->opened.line, close, stop->place.line);
        return;
    }
    if (char_at(stop) == ':')
        source_problem(stop->source, stop->place, "': ' within a value ends it; " QUOTE_IT);
    else if (before == '"' || before == '\'')
        source_problem(
            stop->source, stop->place,
            "',' or '%c' must follow the closing quote; put all of the text in one pair of quotes",
            close);
    else
        source_problem(stop->source, stop->place,
                       "',' or '%c' is missing here (the '%c' stands on line %u)", close, open,
                       stop->opened.line);
}

static void unclosed_brace(struct syntax_stop *stop)
{
    unclosed(stop, '{', '}');
}

static void unclosed_bracket(struct syntax_stop *stop)
{
    unclosed(stop, '[', ']');
}

static void unclosed_quote(struct syntax_stop *stop)
{
    source_problem(stop->source, stop->opened.line != 0 ? stop->opened : stop->place,
                   "the quote opened on line %u is never closed", stop->opened.line);
}

static void no_colon(struct syntax_stop *stop)
{
    source_problem(stop->source, stop->opened.line != 0 ? stop->opened : stop->place,
                   "this is no 'KEY: VALUE': the ':' is missing; text of several lines stands "
                   "below 'KEY: |', indented "
                   "more than its key");
}

static void bad_start(struct syntax_stop *stop)
{
    if (char_at(stop) == '\t')
        source_problem(stop->source, stop->place,
                       "a tab cannot indent; YAML indents with blanks only");
    else
        source_problem(stop->source, stop->place,
                       "a value cannot begin with '%c'; put it in quotes", char_at(stop));
}

static void bad_tab(struct syntax_stop *stop)
{
    source_problem(stop->source, stop->place, "a tab cannot indent; YAML indents with blanks only");
}

static void bad_name(struct syntax_stop *stop)
{
    if (goes_on_after_value(stop))
        return;
    source_problem(stop->source, stop->opened.line != 0 ? stop->opened : stop->place,
                   "a value that begins with '*', '&' or '!' must be put in quotes");
}

static void bad_escape(struct syntax_stop *stop)
{
    source_problem(stop->source, stop->place,
                   "a backslash in double quotes begins an escape, and this is none; write '\\\\', "
                   "or use single quotes");
}

static void item_out_of_place(struct syntax_stop *stop)
{
    source_problem(
        stop->source, stop->place,
        "a list item ('- ...') cannot stand here; begin the list on the line below its key");
}

static void no_item(struct syntax_stop *stop)
{
    source_problem(
        stop->source, stop->place,
        "this line is no item ('- ...') of the list that begins on line %u; check its indentation",
        stop->opened.line);
}

static void no_value(struct syntax_stop *stop)
{
    if (stop->line == stop->source->text + stop->source->len)
        source_problem(stop->source, stop->place,
                       "the file ends here, and a '[' or '{' before it is never closed");
    else
        source_problem(stop->source, stop->place,
                       "a value is missing here; an empty one is written \"\"");
}

static void text_beside_bar(struct syntax_stop *stop)
{
    if (goes_on_after_value(stop))
        return;
    source_problem(stop->source, stop->place,
                   "the text of '|' or '>' begins on the next line, indented");
}

static void unclosed_document(struct syntax_stop *stop)
{
    source_problem(stop->source, stop->place,
                   "this stands behind the end of the file's one value; check the indentation, and "
                   "that every key "
                   "begins a line");
}

/* Explains a line that begins with '%'. */
static void bad_directive(struct syntax_stop *stop)
{
    stop->place.column = 1;
    if (strncmp(stop->line, "%YAML", 5) == 0)
        source_problem(
            stop->source, stop->place,
            "a job file is YAML 1.1 or 1.2: leave this line out, or write '%%YAML 1.2', once");
    else
        source_problem(stop->source, stop->place,
                       "a line that begins with '%%' tells the YAML reader something, and this is "
                       "nothing that it knows; "
                       "leave it out, or put the text in quotes");
}

static const struct {
    const char *problem; /* libyaml's */
    void (*explain)(struct syntax_stop *stop);
} explanations[] = {
    {"mapping values are not allowed in this context", value_in_text},
    {"found unexpected ':'", value_in_text},
    {"did not find expected key", no_key},
    {"did not find expected ',' or '}'", unclosed_brace},
    {"did not find expected ',' or ']'", unclosed_bracket},
    {"found unexpected end of stream", unclosed_quote},
    {"found unexpected document indicator", unclosed_quote},
    {"could not find expected ':'", no_colon},
    {"found character that cannot start any token", bad_start},
    {"found a tab character that violates indentation", bad_tab},
    {"found a tab character where an indentation space is expected", bad_tab},
    {"did not find expected alphabetic or numeric character", bad_name},
    {"did not find expected whitespace or line break", bad_name},
    {"did not find expected tag URI", bad_name},
    {"did not find expected '!'", bad_name},
    {"did not find the expected '>'", bad_name},
    {"found undefined tag handle", bad_name},
    {"found unknown escape character", bad_escape},
    {"did not find expected hexdecimal number", bad_escape},
    {"found invalid Unicode character escape code", bad_escape},
    {"block sequence entries are not allowed in this context", item_out_of_place},
    {"did not find expected '-' indicator", no_item},
    {"did not find expected node content", no_value},
    {"did not find expected comment or line break", text_beside_bar},
    {"did not find expected <document start>", unclosed_document},
    {"found incompatible YAML document", bad_directive},
    {"found duplicate %YAML directive", bad_directive},
    {"did not find expected version number", bad_directive},
    {"found extremely long version number", bad_directive},
    {"did not find expected digit or '.' character", bad_directive},
    {"found unknown directive name", bad_directive},
    {"could not find expected directive name", bad_directive},
    {"found unexpected non-alphabetical character", bad_directive},
    {"found duplicate %TAG directive", bad_directive},
    {"did not find expected whitespace", bad_directive},
};

/* Finds the line of the place, and the byte of it that the place's column (in characters) stands
 * for. */
static void find_line(struct syntax_stop *stop)
{
    const struct source *s = stop->source;
    const char *end = s->text + s->len, *line = s->text;

    for (uint32_t number = 1; number < stop->place.line && line < end; number++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));

        line = newline != NULL ? newline + 1 : end;
    }
    stop->line = line;
    stop->n = strcspn(line, "\r\n");
    while (stop->indent < stop->n && line[stop->indent] == ' ')
        stop->indent++;
    for (uint32_t column = 1; column < stop->place.column && stop->at < stop->n; column++)
        for (stop->at++; stop->at < stop->n && ((unsigned char)line[stop->at] & 0xc0) == 0x80;)
            stop->at++;
}

void syntax_problem(struct source *s, const struct yaml_parser_s *p)
{
    struct syntax_stop stop = {.source = s, .place = syntax_place_of(p->problem_mark)};

    if (p->error == YAML_MEMORY_ERROR) {
        source_problem(s, syntax_place_of(p->mark), "out of memory while reading YAML");
        return;
    }
    if (p->error == YAML_READER_ERROR || p->problem == NULL) {
        source_problem(s, source_place(s, p->problem_offset), "YAML: %s",
                       p->problem != NULL ? p->problem : "unknown error");
        return;
    }
    if (p->context != NULL)
        stop.opened = syntax_place_of(p->context_mark);
    find_line(&stop);
    if (char_at(&stop) == '\t') {
        bad_tab(&stop);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(explanations); i++)
        if (str_eq(p->problem, explanations[i].problem)) {
            explanations[i].explain(&stop);
            return;
        }
    source_problem(s, stop.place, "YAML: %s%s%s%s", p->problem, p->context != NULL ? " (" : "",
                   p->context != NULL ? p->context : "", p->context != NULL ? ")" : "");
}
