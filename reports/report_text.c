/* SPDX-License-Identifier: Apache-2.0 */
/* report_text: escaping for XML, JSON and terminals, and how wide text is. One table of rules for
 * all three, over base's table of what is hidden, so that no writer has an escape rule of its own.
 * Knows nothing of results. */
#include "reports/report_text.h"

#include "base/weaken.h"

#include <string.h>

static const struct text_rules {
    bool controls; /* what is hidden (base) is shown, not sent */
    bool newlines; /* newline stays; "\r\n" becomes one */
    bool tabs;     /* tab stays */
    bool expand;   /* tab becomes spaces up to the next multiple of eight */
    bool token;    /* spaces at the ends and double spaces are shown */
} rules[TEXT_MODE_COUNT] = {
    [TEXT_JSON] = {.newlines = true, .tabs = true},
    [TEXT_XML] = {.controls = true, .newlines = true, .tabs = true},
    [TEXT_TOKEN] = {.controls = true, .token = true},
    [TEXT_LINE] = {.controls = true, .expand = true},
};

struct range {
    uint32_t first;
    uint32_t last;
};

static bool in_ranges(uint32_t c, const struct range *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= table[i].first && c <= table[i].last)
            return true;
    return false;
}

/* East Asian wide and emoji, in coarse blocks: too wide a guess costs a column, too narrow a one
 * breaks the display. */
static size_t columns_of(uint32_t c)
{
    static const struct range wide[] = {
        {0x1100, 0x115f},   {0x231a, 0x23ff},   {0x25fd, 0x27bf},   {0x2b00, 0x2bff},
        {0x2e80, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7ff},   {0xf900, 0xfaff},
        {0xfdfd, 0xfdfd},   {0xfe10, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x16fe0, 0x1b2ff}, {0x1d300, 0x1d37f}, {0x1f000, 0x1fbff}, {0x20000, 0x3fffd},
    };

    return c >= 0x1100 && in_ranges(c, wide, ARRAY_SIZE(wide)) ? 2 : 1;
}

/* Length of an SGR or erase-in-line sequence (ESC [ digits m, ESC [ digits K: what compilers colour
 * their messages with) at p, or 0. Other sequences are shown instead: dropping them could hide what
 * a job did. */
static size_t colour_sequence(const unsigned char *p, size_t n)
{
    size_t i = 2;

    if (n < 3 || p[0] != 0x1b || p[1] != '[')
        return 0;
    while (i < n && ((p[i] >= '0' && p[i] <= '9') || p[i] == ';' || p[i] == ':'))
        i++;
    return i < n && (p[i] == 'm' || p[i] == 'K') ? i + 1 : 0;
}

static void add_shown(struct strbuf *out, uint32_t c, size_t length)
{
    strbuf_addf(out, length <= 1 ? "\\x%02X" : "\\u%04X", (unsigned)c);
}

/* A space that whitespace collapsing (xs:token) would remove: beside another one or at an end of
 * what comes out, in which colours are left out. */
static bool collapses(const struct strbuf *out, size_t start, const unsigned char *p, size_t n)
{
    size_t i = 1, skip;

    if (p[0] != ' ')
        return false;
    while (i < n && (skip = colour_sequence(p + i, n - i)) != 0)
        i += skip;
    return i == n || out->len == start || out->data[out->len - 1] == ' ';
}

/* How many bytes there are at p that no rule changes. */
static size_t plain_run(const struct text_rules *rule, const unsigned char *p, size_t n)
{
    size_t i = 0;

    while (i < n && p[i] >= (rule->token ? '!' : ' ') && p[i] <= '~')
        i++;
    return i;
}

void text_escape(struct strbuf *out, const void *data, size_t n, enum text_mode mode)
{
    const struct text_rules *rule = &rules[mode];
    const unsigned char *p = data;
    size_t column = 0; /* only as good as tab stops need it */
    size_t start = out->len;

    strbuf_add(out, "", 0);
    if (weakened("escape-reports") && mode != TEXT_JSON) {
        strbuf_add(out, data, n);
        return;
    }
    for (size_t i = 0, length; i < n; i += length) {
        uint32_t c = p[i];
        size_t skip;

        length = plain_run(rule, p + i, n - i);
        if (length > 0) {
            strbuf_add(out, p + i, length);
            column += length;
            continue;
        }
        skip = rule->controls ? colour_sequence(p + i, n - i) : 0;
        length = skip != 0 ? skip : text_decode(p + i, n - i, &c);
        if (skip != 0)
            continue;
        if (length == 0) {
            length = 1;
            add_shown(out, p[i], 1);
        } else if (!rule->controls || (c == '\n' && rule->newlines) || (c == '\t' && rule->tabs)) {
            strbuf_add(out, p + i, length);
        } else if (c == '\t' && rule->expand) {
            strbuf_add(out, "        ", 8 - column % 8);
            column += 7 - column % 8;
        } else if (c == '\r' && rule->newlines && i + 1 < n && p[i + 1] == '\n') {
            continue;
        } else if (text_is_hidden(c) || (rule->token && collapses(out, start, p + i, n - i))) {
            add_shown(out, c, length);
        } else {
            strbuf_add(out, p + i, length);
        }
        column++;
    }
}

/* Returns the length of the next code point of escaped (hence valid) text, and its columns. */
static size_t next_columns(const char *s, size_t n, size_t *ret_columns)
{
    uint32_t c = 0;
    size_t length = text_decode((const unsigned char *)s, n, &c);

    *ret_columns = columns_of(c);
    return length != 0 ? length : 1;
}

size_t text_columns(const char *s, size_t n)
{
    size_t sum = 0, w;

    for (size_t i = 0; i < n; sum += w)
        i += next_columns(s + i, n - i, &w);
    return sum;
}

size_t text_fit(const char *s, size_t n, size_t columns)
{
    size_t used = 0, i = 0;

    while (i < n) {
        size_t w, length = next_columns(s + i, n - i, &w);

        if (used + w > columns)
            break;
        used += w;
        i += length;
    }
    return i;
}
