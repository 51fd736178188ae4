/* SPDX-License-Identifier: Apache-2.0 */
/* unicode: UTF-8, and the one table of code points that are shown, not sent, wherever cupel writes
 * a text that somebody else may have chosen: on a terminal, in a report, in an error, in JSON. Not
 * responsible for how each of them shows it. */
#include "base/base.h"

#include <string.h>

size_t text_decode(const unsigned char *p, size_t n, uint32_t *ret_codepoint)
{
    /* smallest code point that a sequence of this length may stand for: shorter ones are overlong
     */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length;
    uint32_t c;

    if (p[0] < 0x80) {
        *ret_codepoint = p[0];
        return 1;
    }
    length = p[0] >= 0xf0 && p[0] < 0xf8   ? 4
             : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
             : p[0] >= 0xc0 && p[0] < 0xe0 ? 2
                                           : 0;
    if (length == 0 || length > n)
        return 0;
    c = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *ret_codepoint = c;
    return length;
}

/* Unicode's control characters (Cc), line ends (Zl, Zp), format characters (Cf) but those that
 * print something, and what else has no shape of its own (Default_Ignorable_Code_Point of
 * DerivedCoreProperties.txt): they move the cursor, let text trade places with ours, or make two
 * names that look alike. Not the variation selectors U+FE00 to U+FE0F, which choose how the sign
 * before them looks and stand in half of all emoji. Sorted. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},
    {0x061c, 0x061c},   {0x070f, 0x070f},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
    {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
    {0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x13430, 0x13440}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool text_is_hidden(uint32_t c)
{
    if (c >= 0x20 && c < 0x7f)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(hidden) && c >= hidden[i].first; i++)
        if (c <= hidden[i].last)
            return true;
    return false;
}

void text_add_line(struct strbuf *b, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text);

    strbuf_add(b, "", 0);
    for (size_t i = 0, length; i < n; i += length) {
        uint32_t c = p[i]; /* of a byte that is no UTF-8: a terminal may take it for C1 */

        length = text_decode(p + i, n - i, &c);
        if (length == 0)
            length = 1;
        if (text_is_hidden(c))
            strbuf_add(b, "?", 1);
        else
            strbuf_add(b, p + i, length);
    }
}

void text_add_short_line(struct strbuf *b, const char *text)
{
    size_t begin = b->len, n = TEXT_SHORT_MAX;

    text_add_line(b, text);
    if (b->len - begin <= n)
        return;
    while (n > 0 && ((unsigned char)b->data[begin + n] & 0xc0) == 0x80) /* amid a character */
        n--;
    b->len = begin + n;
    strbuf_adds(b, "...");
}

/* A JSON string's escape; above U+FFFF two of them (RFC 8259). */
static void add_escape(struct strbuf *b, uint32_t c)
{
    if (c < 0x10000) {
        strbuf_addf(b, "\\u%04x", (unsigned)c);
        return;
    }
    c -= 0x10000;
    strbuf_addf(b, "\\u%04x\\u%04x", (unsigned)(0xd800 + (c >> 10)),
                (unsigned)(0xdc00 + (c & 0x3ff)));
}

/* Counts the bytes at p that are printable ASCII. */
static size_t printable_run(const unsigned char *p, size_t n)
{
    size_t i = 0;

    while (i < n && p[i] >= ' ' && p[i] <= '~')
        i++;
    return i;
}

void text_add_json(struct strbuf *b, const char *json)
{
    const unsigned char *p = (const unsigned char *)json;
    size_t n = strlen(json), from = 0;

    strbuf_add(b, "", 0);
    for (size_t i = 0, length; i < n; i += length) {
        uint32_t c = 0;

        length = printable_run(p + i, n - i); /* nearly all of it */
        if (length > 0)
            continue;
        length = text_decode(p + i, n - i, &c);
        if (length == 0)
            length = 1;
        /* below 0x20 are only the ends of lines between values */
        if (c < 0x20 || !text_is_hidden(c))
            continue;
        strbuf_add(b, p + from, i - from);
        add_escape(b, c);
        from = i + length;
    }
    strbuf_add(b, p + from, n - from);
}

int text_put_json(char *json, FILE *stream)
{
    cleanup_free char *owned = json;
    cleanup_strbuf struct strbuf b = {0};

    if (owned == NULL)
        return -ENOMEM;
    text_add_json(&b, owned);
    return fprintf(stream, "%s\n", b.data) < 0 ? -EIO : 0;
}
