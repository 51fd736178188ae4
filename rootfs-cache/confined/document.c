/* SPDX-License-Identifier: Apache-2.0 */
/* document: see document.h. */
#include "rootfs-cache/confined/document.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define NOTES_MAX ((size_t)4096)
#define NUMBER_MAX 63
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, as Go's decoder has it */

void document_note(struct strbuf *notes, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf line = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&line, fmt, ap);
    va_end(ap);
    for (char *p = line.data; *p != '\0'; p++) /* words of a hostile document */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    if (notes != NULL && notes->len + line.len + 1 < NOTES_MAX)
        strbuf_addf(notes, "%s\n", line.data);
}

/* ---- mending ---- */

/* How long the UTF-8 character is that begins there; 0: none does (RFC 3629, section 4). */
static size_t character(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80                    ? 1
               : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
               : (p[0] & 0xf0) == 0xe0        ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;

    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* The number of an escape "\uXXXX", or -1. */
static int unit_at(const char *p, size_t left)
{
    char digits[5] = "";

    if (left < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    memcpy(digits, p + 2, 4);
    for (size_t i = 0; i < 4; i++)
        if (!isxdigit((unsigned char)digits[i]))
            return -1;
    return (int)strtol(digits, NULL, 16);
}

/* A half of a pair without the other one stands for no character: how much of the text that is, 0:
 * nothing. */
static size_t lone_half(const char *p, size_t left)
{
    int unit = unit_at(p, left), next = unit >= 0 ? unit_at(p + 6, left - 6) : -1;

    if (unit < 0xd800 || unit > 0xdfff)
        return 0;
    return unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff ? 0 : 6;
}

/* How much of the text is a number that no machine's own can be: such a one is of no use to
 * anybody, and becomes null. 0: none. Outside of strings. */
static size_t huge_number(const char *p, size_t left)
{
    char number[NUMBER_MAX + 1] = "";
    size_t n = 0, digits;

    while (n < left && p[n] != '\0' && strchr("+-.0123456789eE", p[n]) != NULL)
        n++;
    if (n == 0 || (p[0] != '-' && !isdigit((unsigned char)p[0])))
        return 0;
    if (n > NUMBER_MAX)
        return n;
    memcpy(number, p, n);
    digits = strspn(number + (p[0] == '-'), "0123456789");
    if (digits + (p[0] == '-') == n)
        return digits > 18 ? n : 0;
    return isinf(strtod(number, NULL)) ? n : 0;
}

static void mend(const char *text, size_t n, struct strbuf *out)
{
    bool in_string = false;

    strbuf_adds(out, "");
    for (size_t i = 0; i < n;) {
        size_t take = character((const unsigned char *)text + i, n - i),
               half = lone_half(text + i, n - i),
               huge = !in_string ? huge_number(text + i, n - i) : 0;

        if (huge > 0) {
            strbuf_adds(out, "null");
            i += huge;
            continue;
        }
        in_string ^= text[i] == '"';
        if (take == 0 || half > 0) {
            strbuf_adds(out, REPLACEMENT);
            i += half > 0 ? half : 1;
            continue;
        }
        if (text[i] == '\\' && unit_at(text + i, n - i) >= 0xd800 &&
            unit_at(text + i, n - i) < 0xdc00)
            take = 12;
        else if (text[i] == '\\' && i + 1 < n)
            take = 2;
        strbuf_add(out, text + i, take);
        i += take;
    }
}

json_t *document_parse(const char *text, size_t n, const char *name, struct strbuf *notes,
                       json_error_t *ret_where)
{
    cleanup_strbuf struct strbuf mended = {0};
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, ret_where), *again;
    json_error_t ignored;

    if (j != NULL)
        return j;
    mend(text, n, &mended);
    again = json_loadb(mended.data, mended.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &ignored);
    if (again != NULL)
        document_note(notes, "%s is not quite JSON (line %d): read as others read it", name,
                      ret_where->line);
    return again;
}

/* ---- looking into it ---- */

json_t *document_member(const json_t *object, const char *key)
{
    json_t *found = json_object_get(object, key), *value;
    const char *name;

    if (found != NULL)
        return found;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (strcasecmp(name, key) == 0)
            return value;
    }
    return NULL;
}

const char *document_text(const json_t *object, const char *key)
{
    const json_t *value = document_member(object, key);
    const char *text = json_string_value(value);

    return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}
