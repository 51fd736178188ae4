/* SPDX-License-Identifier: Apache-2.0 */
/* text: growing buffers and small string questions. */
#include "base/base.h"

#include <string.h>

static void strbuf_reserve(struct strbuf *b, size_t more)
{
    size_t need = b->len + more + 1;
    size_t cap = b->cap != 0 ? b->cap : 64;

    if (need <= b->cap)
        return;
    while (cap < need)
        cap *= 2;
    b->data = xrealloc(b->data, cap);
    b->cap = cap;
}

void strbuf_add(struct strbuf *b, const void *data, size_t n)
{
    strbuf_reserve(b, n);
    if (n != 0)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *s)
{
    strbuf_add(b, s, strlen(s));
}

void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap)
{
    va_list again;
    size_t room;
    int n;

    strbuf_reserve(b, 0);
    room = b->cap - b->len;
    va_copy(again, ap);
    n = vsnprintf(b->data + b->len, room, fmt, again);
    va_end(again);
    if (n >= 0 && (size_t)n >= room) {
        strbuf_reserve(b, (size_t)n);
        n = vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    }
    b->len += n > 0 ? (size_t)n : 0;
    b->data[b->len] = '\0';
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(b, fmt, ap);
    va_end(ap);
}

void strbuf_free(struct strbuf *b)
{
    free(b->data);
    *b = (struct strbuf){0};
}

bool str_eq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

#define NEAREST_MAX 63

/* Edit distance with transpositions (optimal string alignment), for words of at most NEAREST_MAX
 * bytes. */
static size_t edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t d[3][NEAREST_MAX + 1];
    size_t *before = d[0], *above = d[1], *row = d[2];

    for (size_t j = 0; j <= nb; j++)
        above[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        before = above;
        above = row;
        row = spare;
    }
    return above[nb];
}

const char *str_nearest(const char *word, const char *const *names, size_t n)
{
    size_t length = strlen(word);
    size_t best = length / 3 + 1; /* a third of the letters may differ, and one more */
    const char *found = NULL;

    if (length == 0 || length > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(names[i]);
        size_t d;

        if (other == 0 || other > NEAREST_MAX)
            continue;
        d = edit_distance(word, length, names[i], other);
        if (d <= best && d < other && (found == NULL || d < best)) {
            best = d;
            found = names[i];
        }
    }
    return found;
}

void text_add_shell_word(struct strbuf *b, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/:=,+@%";

    if (*text != '\0' && text[strspn(text, plain)] == '\0') {
        strbuf_adds(b, text);
        return;
    }
    strbuf_adds(b, "'");
    for (; *text != '\0'; text++)
        if (*text == '\'')
            strbuf_adds(b, "'\\''");
        else
            strbuf_add(b, text, 1);
    strbuf_adds(b, "'");
}

void text_hex(const void *data, size_t n, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i++) {
        *ret_hex++ = digits[p[i] >> 4];
        *ret_hex++ = digits[p[i] & 0xf];
    }
    *ret_hex = '\0';
}

void text_unescape_mount(char *s)
{
    char *to = s;

    for (const char *from = s; *from != '\0';) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

bool text_wants_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR");

    return isatty(fd) == 1 && (no_color == NULL || no_color[0] == '\0');
}
