/* SPDX-License-Identifier: Apache-2.0 */
/* redact_forms: the forms in which programs print a value: encoded in base64, wherever it stood in
 * what was encoded; escaped for URLs, for JSON, for XML; and line by line. Encoders differ in what
 * they leave alone, so each is made in the ways that are common. */
#include "base/redact_private.h"

#include <string.h>

/* Of a longer value, lines of base64 are known only where it is all that was encoded: each of the
 * places where a line may end takes memory for the value once more. */
#define WRAPPED_MAX ((size_t)4 << 10)

typedef void form_fn(struct strbuf *out, unsigned char c, unsigned variant);

static const char digits[2][17] = {"0123456789abcdef", "0123456789ABCDEF"};

/* ---- URLs ---- */

/* What is left alone beside letters and digits: RFC 3986; encodeURIComponent(); with a path's
 * slashes; encodeURI(); forms; nothing. */
static const char *const url_safe[] = {"-_.~", "-_.~!'()*", "-_.~/", "-_.~!'()*;,/?:@&=+$#",
                                       "-_.*", ""};
#define URL_FORMS 4u /* spaces become '+' */

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void put_url(struct strbuf *out, unsigned char c, unsigned variant)
{
    unsigned set = variant / 2;
    const char *hex = digits[variant % 2];
    bool is_form = set == URL_FORMS, all = url_safe[set][0] == '\0';

    if (is_form && c == ' ')
        strbuf_adds(out, "+");
    else if (!all && (is_alnum(c) || (c != '\0' && strchr(url_safe[set], c) != NULL)))
        strbuf_add(out, &c, 1);
    else
        strbuf_addf(out, "%%%c%c", hex[c >> 4], hex[c & 15]);
}

/* ---- JSON ---- */

#define JSON_UPPER 1u   /* digits of \u00AB */
#define JSON_SLASH 2u   /* \/ */
#define JSON_HTML 4u    /* <, > and & as \u003c, which is safe in a script */
#define JSON_CONTROL 8u /* \u000a, never \n */

static void put_json(struct strbuf *out, unsigned char c, unsigned variant)
{
    static const char short_of[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    const char *hex = digits[(variant & JSON_UPPER) != 0];

    for (size_t i = 0; i + 1 < sizeof(short_of); i += 2)
        if (c == (unsigned char)short_of[i] && (c >= 0x20 || !(variant & JSON_CONTROL))) {
            strbuf_addf(out, "\\%c", short_of[i + 1]);
            return;
        }
    if (c == '/' && (variant & JSON_SLASH))
        strbuf_adds(out, "\\/");
    else if (c < 0x20 || ((variant & JSON_HTML) && (c == '<' || c == '>' || c == '&')))
        strbuf_addf(out, "\\u00%c%c", hex[c >> 4], hex[c & 15]);
    else
        strbuf_add(out, &c, 1);
}

/* ---- XML ---- */

static void put_xml(struct strbuf *out, unsigned char c, unsigned variant)
{
    static const char *const of[][4] = {{"<", "&lt;", "&lt;", "&lt;"},
                                        {">", "&gt;", "&gt;", ">"},
                                        {"&", "&amp;", "&amp;", "&amp;"},
                                        {"\"", "&quot;", "&#34;", "\""},
                                        {"'", "&apos;", "&#39;", "'"}};

    for (size_t i = 0; i < ARRAY_SIZE(of); i++)
        if (c == (unsigned char)of[i][0][0]) {
            strbuf_adds(out, of[i][1 + variant]);
            return;
        }
    strbuf_add(out, &c, 1);
}

static void put_crlf(struct strbuf *out, unsigned char c, unsigned variant)
{
    (void)variant;
    if (c == '\n') /* as a terminal has it */
        strbuf_adds(out, "\r");
    strbuf_add(out, &c, 1);
}

static bool is_seen(unsigned char c)
{
    return c >= 0x20 && c < 0x7f;
}

/* Writes it as the kernel's log, which names who was killed for memory (append_char(),
 * kernel/printk/printk.c). */
static void put_logged(struct strbuf *out, unsigned char c, unsigned variant)
{
    (void)variant;
    if (is_seen(c) && c != '\\')
        strbuf_add(out, &c, 1);
    else
        strbuf_addf(out, "\\x%c%c", digits[0][c >> 4], digits[0][c & 15]);
}

static const struct {
    form_fn *put;
    unsigned variants;
} forms[] = {{put_url, 2 * ARRAY_SIZE(url_safe)},
             {put_json, 16},
             {put_xml, 3},
             {put_crlf, 1},
             {put_logged, 1}};

static void add_escaped(struct redact *r, const char *value, size_t n)
{
    for (size_t f = 0; f < ARRAY_SIZE(forms); f++)
        for (unsigned v = 0; v < forms[f].variants; v++) {
            cleanup_strbuf struct strbuf b = {0};

            for (size_t i = 0; i < n; i++)
                forms[f].put(&b, (unsigned char)value[i], v);
            redact_add_text(r, b.data, b.len);
            explicit_bzero(b.data, b.len);
        }
}

/* Adds it as PID 1 has it, which cannot tell characters (explain_exec.c): a '?' for each byte that
 * is none to be seen. Where little else is left it would be found in other texts. */
static void add_asked(struct redact *r, const char *value, size_t n)
{
    cleanup_strbuf struct strbuf b = {0};
    size_t left = 0;

    for (size_t i = 0; i < n; i++) {
        bool seen = is_seen((unsigned char)value[i]);

        strbuf_add(&b, seen ? &value[i] : "?", 1);
        left += seen;
    }
    if (left >= REDACT_LEAST)
        redact_add_text(r, b.data, b.len);
    explicit_bzero(b.data, b.len);
}

/* ---- characters beyond ASCII, in JSON ---- */

/* Reads one character of UTF-8; 0 where the bytes are none. */
static size_t read_character(const unsigned char *s, size_t n, uint32_t *ret)
{
    size_t len = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    uint32_t c;

    if (len == 0 || len > n)
        return 0;
    c = s[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    *ret = c;
    return len;
}

static void put_unit(struct strbuf *out, uint32_t unit, unsigned upper)
{
    const char *hex = digits[upper];

    strbuf_addf(out, "\\u%c%c%c%c", hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15],
                hex[unit & 15]);
}

/* Adds what writers of JSON make of it that keep to ASCII. */
static void add_json_ascii(struct redact *r, const char *value, size_t n)
{
    for (unsigned upper = 0; upper < 2; upper++) {
        cleanup_strbuf struct strbuf b = {0};
        bool any = false;

        for (size_t i = 0; i < n;) {
            uint32_t c = 0;
            size_t len = read_character((const unsigned char *)value + i, n - i, &c);

            any |= len > 0;
            if (len == 0) {
                put_json(&b, (unsigned char)value[i], upper);
            } else if (c > 0xffff) {
                put_unit(&b, 0xd800u + ((c - 0x10000u) >> 10), upper);
                put_unit(&b, 0xdc00u + (c & 0x3ffu), upper);
            } else {
                put_unit(&b, c, upper);
            }
            i += len > 0 ? len : 1;
        }
        if (any)
            redact_add_text(r, b.data, b.len);
        explicit_bzero(b.data, b.len);
    }
}

/* ---- base64 ---- */

static const char alphabet[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

/* Encodes `before` bytes of nothing and the value; without padding. */
static void base64(const char *value, size_t n, size_t before, const char *of, struct strbuf *out)
{
    unsigned bits = 0, have = 0;

    for (size_t i = 0; i < before + n; i++) {
        bits = (bits << 8 | (i < before ? 0u : (unsigned char)value[i - before])) & 0xffffu;
        have += 8;
        while (have >= 6) {
            have -= 6;
            strbuf_add(out, &of[bits >> have & 63u], 1);
        }
    }
    if (have > 0)
        strbuf_add(out, &of[bits << (6 - have) & 63u], 1);
}

/* The first line ends at `first`, and each further one has so many characters, as base64(1) and PEM
 * have them: all of them as one text, and each for itself, since what stands around may be
 * anything. */
static void add_lines(struct redact *r, const char *text, size_t from, size_t to, size_t first,
                      size_t width)
{
    cleanup_strbuf struct strbuf b = {0};

    for (size_t at = from, end = first; at < to; at = end, end += width) {
        size_t len = (end < to ? end : to) - at;

        strbuf_adds(&b, at > from ? "\n" : "");
        strbuf_add(&b, text + at, len);
        if (len > 2 * REDACT_LEAST)
            redact_add_text(r, text + at, len);
    }
    redact_add_text(r, b.data, b.len);
    explicit_bzero(b.data, b.len);
}

/* `anywhere`: in a longer text, so that the first line may have had any whole number of blocks. */
static void add_wrapped(struct redact *r, const char *text, size_t from, size_t to, bool anywhere)
{
    static const size_t widths[] = {76, 64};

    for (size_t w = 0; w < ARRAY_SIZE(widths); w++)
        for (size_t first = anywhere ? 4 : widths[w]; first <= widths[w] && first < to; first += 4)
            add_lines(r, text, from, to, first, widths[w]);
}

/* What comes of the value alone, whatever stands before and behind it; and at the end of what was
 * encoded, where the last character is known too. */
static void add_base64(struct redact *r, const char *value, size_t n, bool anywhere)
{
    for (size_t a = 0; a < 2 * 3; a++) {
        size_t before = a % 3, from = (before * 8 + 5) / 6, to = (before + n) * 8 / 6;
        cleanup_strbuf struct strbuf b = {0};

        base64(value, n, before, alphabet[a / 3], &b);
        redact_add_text(r, b.data + from, to - from);
        redact_add_text(r, b.data + from, b.len - from);
        while (b.len % 4 != 0)
            strbuf_adds(&b, "=");
        redact_add_text(r, b.data + from, b.len - from);
        if (anywhere && a < 3)
            add_wrapped(r, b.data, from, to, true);
        if (before == 0 || (anywhere && a < 3))
            add_wrapped(r, b.data, from, b.len, anywhere && a < 3);
        explicit_bzero(b.data, b.len);
    }
}

/* ---- all of them ---- */

static void add_forms(struct redact *r, const char *value, size_t n, bool anywhere)
{
    if (n < REDACT_LEAST)
        return;
    redact_add_text(r, value, n);
    add_escaped(r, value, n);
    add_asked(r, value, n);
    add_json_ascii(r, value, n);
    add_base64(r, value, n, anywhere);
}

void redact_add(struct redact *r, const char *value, size_t n)
{
    bool anywhere = n <= WRAPPED_MAX;
    size_t bare = n;

    /* line ends at the end are no part of it: a shell takes them off */
    while (bare > 0 && (value[bare - 1] == '\n' || value[bare - 1] == '\r'))
        bare--;
    add_forms(r, value, bare, anywhere);
    for (size_t i = 0; i < bare;) {
        const char *end = memchr(value + i, '\n', bare - i);
        size_t len = end != NULL ? (size_t)(end - value) - i : bare - i, next = i + len + 1;

        if (len == bare)
            return;
        if (len > 0 && value[i + len - 1] == '\r')
            len--;
        add_forms(r, value + i, len, anywhere);
        i = next;
    }
}
