/* SPDX-License-Identifier: Apache-2.0 */
/* ingest_tap: the Test Anything Protocol, versions 12 to 14, as a stream of lines. Lines that are
 * none of its own are passed over, as the protocol says; everything that makes it doubtful whether
 * all tests ran is not: no plan, a plan that does not fit, "Bail out!".
 *
 *   ok # SKIP       skipped          not ok # SKIP    failed: it says both
 *   not ok # TODO   skipped          ok # TODO        passed
 *
 * A test point that stands for a subtest is a case only where the subtest's own do not explain it.
 */
#include "ingest/readers.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_BYTES ((size_t)8192) /* the rest of a longer line is passed over */
#define TAP_DEPTH_MAX 16
#define TAP_INDENT 4

/* The tests of the file, or of a subtest. */
struct tap_level {
    char name[REPORTS_TEST_NAME_MAX + 1];
    bool has_plan;
    uint64_t planned, seen, bad;
    uint64_t numbered, sum; /* how many of its tests have a number, and the sum of those */
};

struct tap_reading {
    struct ingest_cases *to;
    uint64_t line;
    struct tap_level levels[TAP_DEPTH_MAX];
    size_t depth;                              /* of the innermost one */
    char next_name[REPORTS_TEST_NAME_MAX + 1]; /* said by "# Subtest:" */
    bool had_subtest;                          /* the next test point stands for one */
    uint64_t subtest_bad;
    /* the last test point, to which diagnostics may still come */
    bool pending;
    struct reports_test_case c;
    char group[REPORTS_TEST_NAME_MAX + 1], name[REPORTS_TEST_NAME_MAX + 1],
        message[REPORTS_TEST_MESSAGE_MAX + 1];
    struct strbuf details;
    bool in_yaml, bailed;
    size_t yaml_indent;
};

static void tap_copy(char *to, size_t size, const char *text, size_t n)
{
    if (n >= size)
        for (n = size - 1; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    memcpy(to, text, n);
    to[n] = '\0';
}

static void tap_trim(const char **text, size_t *n)
{
    while (*n > 0 && isspace((unsigned char)**text)) {
        ++*text;
        --*n;
    }
    while (*n > 0 && isspace((unsigned char)(*text)[*n - 1]))
        --*n;
}

/* ---- cases ---- */

static void tap_flush(struct tap_reading *t)
{
    if (!t->pending)
        return;
    t->pending = false;
    t->c.group = t->group;
    t->c.name = t->name[0] != '\0' ? t->name : "(no name)";
    t->c.file = "";
    t->c.message = t->message;
    t->c.details = t->details.len > 0 ? t->details.data : "";
    (void)ingest_add(t->to, &t->c);
}

/* Names of the subtests that one lies in, joined. */
static void tap_name_group(struct tap_reading *t)
{
    size_t n = 0;

    t->group[0] = '\0';
    for (size_t i = 1; i <= t->depth && n < sizeof(t->group); i++)
        n += (size_t)snprintf(t->group + n, sizeof(t->group) - n, "%s%s", n > 0 ? " > " : "",
                              t->levels[i].name[0] != '\0' ? t->levels[i].name : "(subtest)");
}

static void tap_begin(struct tap_reading *t, enum reports_test_outcome outcome, const char *name,
                      size_t n)
{
    tap_flush(t);
    t->pending = true;
    t->c = (struct reports_test_case){.outcome = outcome, .time_ns = REPORTS_TEST_NO_TIME};
    t->details.len = 0;
    t->message[0] = '\0';
    tap_name_group(t);
    tap_copy(t->name, sizeof(t->name), name, n);
}

static void tap_add_details(struct tap_reading *t, const char *text, size_t n)
{
    size_t left = REPORTS_TEST_DETAILS_MAX + 1 - t->details.len;

    if (!t->pending || left == 0)
        return;
    if (t->details.len > 0) {
        strbuf_adds(&t->details, "\n");
        left--;
    }
    strbuf_add(&t->details, text, n < left ? n : left);
}

/* ---- levels ---- */

static void tap_check_plan(struct tap_reading *t, const struct tap_level *l)
{
    if (!l->has_plan)
        ingest_broken(t->to, t->line, "has no plan (1..N) %s: it may have ended early",
                      t->depth > 0 ? "for a subtest" : "for its tests");
    else if (l->planned != l->seen)
        ingest_broken(t->to, t->line, "plans %llu tests%s and has %llu",
                      (unsigned long long)l->planned, t->depth > 0 ? " in a subtest" : "",
                      (unsigned long long)l->seen);
    else if (l->numbered == l->seen && l->sum != l->seen * (l->seen + 1) / 2)
        ingest_broken(t->to, t->line, "has tests of the same number%s, so others are missing",
                      t->depth > 0 ? " in a subtest" : "");
}

static void tap_close(struct tap_reading *t)
{
    tap_flush(t);
    tap_check_plan(t, &t->levels[t->depth]);
    t->had_subtest = true;
    t->subtest_bad = t->levels[t->depth].bad;
    t->depth--;
}

static void tap_set_depth(struct tap_reading *t, size_t depth)
{
    while (t->depth > depth)
        tap_close(t);
    if (t->depth == depth)
        return;
    tap_flush(t);
    t->depth++; /* one more, however far it is indented */
    t->levels[t->depth] = (struct tap_level){0};
    memcpy(t->levels[t->depth].name, t->next_name, sizeof(t->next_name));
    t->next_name[0] = '\0';
    t->had_subtest = false;
}

/* ---- lines ---- */

/* Finds the directive of a test point or a plan: the text behind an unescaped '#', which begins
 * with such a word. Cuts it off the description. */
static bool tap_directive(const char *text, size_t *n, const char *word, const char **ret_why,
                          size_t *ret_length)
{
    for (size_t i = 0; i < *n; i++) {
        const char *d = text + i + 1;
        size_t left = *n - i - 1;

        if (text[i] == '\\') {
            i++;
            continue;
        }
        if (text[i] != '#' || (i > 0 && !isspace((unsigned char)text[i - 1])))
            continue;
        tap_trim(&d, &left);
        if (left < strlen(word) || strncasecmp(d, word, strlen(word)) != 0)
            continue;
        while (left > 0 && !isspace((unsigned char)*d)) { /* "skipped:" too */
            d++;
            left--;
        }
        tap_trim(&d, &left);
        *ret_why = d;
        *ret_length = left;
        *n = i;
        return true;
    }
    return false;
}

static uint64_t tap_number(const char **text, size_t *n)
{
    uint64_t v = 0;

    for (; *n > 0 && isdigit((unsigned char)**text); ++*text, --*n)
        v = v < REPORTS_TESTS_MAX ? v * 10 + (uint64_t)(**text - '0') : v;
    return v;
}

static void tap_plan(struct tap_reading *t, const char *text, size_t n)
{
    struct tap_level *l = &t->levels[t->depth];
    const char *why;
    size_t length;

    if (l->has_plan) {
        ingest_broken(t->to, t->line, "has a second plan");
        return;
    }
    l->has_plan = true;
    l->planned = tap_number(&text, &n);
    if (l->planned == 0 && tap_directive(text, &n, "skip", &why, &length)) {
        tap_begin(t, REPORTS_TEST_SKIPPED, "(all)", 5);
        tap_copy(t->message, sizeof(t->message), why, length);
    }
}

static void tap_point(struct tap_reading *t, bool ok, const char *text, size_t n)
{
    struct tap_level *l = &t->levels[t->depth];
    enum reports_test_outcome outcome = ok ? REPORTS_TEST_PASSED : REPORTS_TEST_FAILED;
    bool stands_for_others = t->had_subtest;
    uint64_t number;
    const char *why = "";
    size_t length = 0;

    t->had_subtest = false;
    l->seen++;
    tap_trim(&text, &n);
    number = tap_number(&text, &n);
    tap_trim(&text, &n);
    if (n > 0 && *text == '-') {
        text++;
        n--;
        tap_trim(&text, &n);
    }
    if (tap_directive(text, &n, "todo", &why, &length))
        outcome = ok ? REPORTS_TEST_PASSED : REPORTS_TEST_SKIPPED;
    else if (tap_directive(text, &n, "skip", &why, &length))
        outcome = ok ? REPORTS_TEST_SKIPPED : REPORTS_TEST_FAILED;
    tap_trim(&text, &n);
    if (n > 0 && text[n - 1] == '{') /* a subtest follows, in its braces */
        n--;
    if (number > REPORTS_TESTS_MAX || (l->has_plan && number > l->planned))
        ingest_broken(t->to, t->line, "has a test of the number %llu, beyond its plan",
                      (unsigned long long)number);
    l->numbered += number > 0;
    l->sum += number <= REPORTS_TESTS_MAX ? number : 0;
    if (outcome == REPORTS_TEST_FAILED)
        l->bad++;
    if (stands_for_others && (outcome != REPORTS_TEST_FAILED || t->subtest_bad > 0)) {
        tap_flush(t);
        if (t->subtest_bad > 0 && outcome != REPORTS_TEST_FAILED)
            l->bad++;
        return;
    }
    tap_begin(t, outcome, text, n);
    tap_copy(t->message, sizeof(t->message), why, length);
}

static void tap_bail_out(struct tap_reading *t, const char *text, size_t n)
{
    tap_trim(&text, &n);
    t->depth = 0;
    tap_begin(t, REPORTS_TEST_ERROR, "Bail out!", 9);
    tap_copy(t->message, sizeof(t->message), text, n);
    t->bailed = true;
}

/* Takes what follows "message:" in the block of a test point, without its quotes. */
static void tap_yaml(struct tap_reading *t, const char *text, size_t n)
{
    static const char key[] = "message:";

    tap_add_details(t, text, n);
    if (!t->pending || t->message[0] != '\0' || n < strlen(key) ||
        strncmp(text, key, strlen(key)) != 0)
        return;
    text += strlen(key);
    n -= strlen(key);
    tap_trim(&text, &n);
    if (n >= 2 && (*text == '"' || *text == '\'') && text[n - 1] == *text) {
        text++;
        n -= 2;
    }
    tap_copy(t->message, sizeof(t->message), text, n);
}

static bool tap_begins(const char *text, size_t n, const char *word)
{
    size_t length = strlen(word);

    return n >= length && strncmp(text, word, length) == 0;
}

static bool tap_is_point(const char *text, size_t n, const char *word)
{
    size_t length = strlen(word);

    return tap_begins(text, n, word) && (n == length || isspace((unsigned char)text[length]));
}

static void tap_comment(struct tap_reading *t, const char *text, size_t n)
{
    static const char subtest[] = "# Subtest:";

    if (tap_begins(text, n, subtest)) {
        text += strlen(subtest);
        n -= strlen(subtest);
        tap_trim(&text, &n);
        tap_copy(t->next_name, sizeof(t->next_name), text, n);
        return;
    }
    text++;
    n--;
    if (n > 0 && *text == ' ') {
        text++;
        n--;
    }
    if (t->pending && (t->c.outcome == REPORTS_TEST_FAILED || t->c.outcome == REPORTS_TEST_ERROR))
        tap_add_details(t, text, n);
}

/* A line without its end. */
static void tap_line(struct tap_reading *t, const char *text, size_t n)
{
    size_t indent = 0, depth;

    while (indent < n && text[indent] == ' ')
        indent++;
    if (t->in_yaml && indent >= t->yaml_indent) {
        text += t->yaml_indent;
        n -= t->yaml_indent;
        t->in_yaml = !(n == 3 && memcmp(text, "...", 3) == 0);
        if (t->in_yaml)
            tap_yaml(t, text, n);
        return;
    }
    t->in_yaml = false;
    text += indent;
    n -= indent;
    depth = indent / TAP_INDENT < TAP_DEPTH_MAX - 1 ? indent / TAP_INDENT : TAP_DEPTH_MAX - 1;
    if (n == 3 && memcmp(text, "---", 3) == 0 && indent == t->depth * TAP_INDENT + 2) {
        t->in_yaml = true;
        t->yaml_indent = indent;
    } else if (n > 0 && *text == '#') {
        tap_comment(t, text, n);
    } else if (indent % TAP_INDENT != 0) {
        return;
    } else if (tap_begins(text, n, "Bail out!")) {
        tap_bail_out(t, text + 9, n - 9);
    } else if (tap_begins(text, n, "1..") && n > 3 && isdigit((unsigned char)text[3])) {
        tap_set_depth(t, depth);
        tap_plan(t, text + 3, n - 3);
    } else if (tap_is_point(text, n, "ok")) {
        tap_set_depth(t, depth);
        tap_point(t, true, text + 2, n - 2);
    } else if (tap_is_point(text, n, "not ok")) {
        tap_set_depth(t, depth);
        tap_point(t, false, text + 6, n - 6);
    }
}

/* ---- the file ---- */

/* Hands on lines, without CR and LF, and with a '?' for each NUL. */
static void tap_read_lines(struct tap_reading *t, struct ingest_source *from)
{
    char buf[16384], line[LINE_MAX_BYTES];
    size_t length = 0;
    ssize_t n;

    while (!t->bailed && t->to->why[0] == '\0' && (n = ingest_take(from, buf, sizeof(buf))) != 0) {
        if (n < 0) {
            ingest_broken(t->to, 0, "cannot be read: %s", strerror((int)-n));
            return;
        }
        for (ssize_t i = 0; i < n && !t->bailed && t->to->why[0] == '\0'; i++) {
            if (buf[i] != '\n') {
                if (length < sizeof(line))
                    line[length++] = buf[i];
                if (buf[i] == '\0' && length > 0)
                    line[length - 1] = '?';
                continue;
            }
            t->line++;
            tap_line(t, line, length > 0 && line[length - 1] == '\r' ? length - 1 : length);
            length = 0;
        }
    }
    if (length > 0 && !t->bailed && t->to->why[0] == '\0') {
        t->line++;
        tap_line(t, line, length);
    }
}

void ingest_tap(struct ingest_source *from, struct ingest_cases *to)
{
    struct tap_reading *t = xcalloc(1, sizeof(*t));

    t->to = to;
    tap_read_lines(t, from);
    if (!t->bailed)
        tap_set_depth(t, 0);
    tap_flush(t);
    if (!t->bailed && (to->n > 0 || t->levels[0].seen > 0 || t->levels[0].has_plan))
        tap_check_plan(t, &t->levels[0]);
    strbuf_free(&t->details);
    free(t);
}
