/* SPDX-License-Identifier: Apache-2.0 */
/* decimal: see decimal.h. Not responsible for units, which unit.c reads. */
#include "base/decimal.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Further digits of an exponent change nothing: the number is beyond all ranges by then. */
#define EXPONENT_MAX 1000000

/* A number's parts. */
struct decimal_parts {
    bool negative;
    const char *digits, *end; /* a point may be among them */
    const char *point;        /* NULL: there is none */
    long exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *read_sign(const char *p, const char *end, bool *ret_negative)
{
    *ret_negative = p < end && *p == '-';
    return p < end && (*p == '-' || *p == '+') ? p + 1 : p;
}

/* Reads the rest of a number behind its 'e'. */
static bool read_exponent(const char *p, const char *end, struct decimal_parts *d)
{
    bool negative;

    p = read_sign(p, end, &negative);
    if (p == end)
        return false;
    for (; p < end; p++) {
        if (!is_digit(*p))
            return false;
        if (d->exponent < EXPONENT_MAX)
            d->exponent = 10 * d->exponent + (*p - '0');
    }
    if (negative)
        d->exponent = -d->exponent;
    return true;
}

static bool split(const char *text, size_t n, struct decimal_parts *d)
{
    const char *p = text, *end = text + n;
    bool any = false;

    *d = (struct decimal_parts){0};
    p = read_sign(p, end, &d->negative);
    d->digits = p;
    for (; p < end && (is_digit(*p) || (*p == '.' && d->point == NULL)); p++) {
        any |= *p != '.';
        if (*p == '.')
            d->point = p;
    }
    d->end = p;
    if (!any)
        return false;
    return p == end || ((*p == 'e' || *p == 'E') && read_exponent(p + 1, end, d));
}

static long double value_of(const char *text)
{
    static locale_t plain; /* glibc keeps it, and nothing is made */

    if (plain == (locale_t)0)
        plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return plain != (locale_t)0 ? strtold_l(text, NULL, plain) : strtold(text, NULL);
}

bool decimal_parse(const char *text, size_t n, long double *ret)
{
    char copy[DECIMAL_MAX + 1];
    struct decimal_parts d;

    if (n > DECIMAL_MAX || !split(text, n, &d))
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    *ret = value_of(copy);
    return fabsl(*ret) <= (long double)DBL_MAX;
}

/* Takes zeros away before and behind. Returns how many places before its point the first digit
 * stands, the exponent counted. */
static long trim_zeros(struct decimal_parts *d)
{
    const char *point = d->point != NULL ? d->point : d->end;
    const char *first;

    while (d->digits < d->end && (*d->digits == '0' || *d->digits == '.'))
        d->digits++;
    first = d->digits;
    while (d->end > d->digits && (d->end[-1] == '0' || d->end[-1] == '.'))
        d->end--;
    return (first < point ? point - first : point - first + 1) + d->exponent;
}

static const char *skip_point(const char *p, const char *end)
{
    return p < end && *p == '.' ? p + 1 : p;
}

bool decimal_same(const char *a, size_t n_a, const char *b, size_t n_b)
{
    struct decimal_parts x, y;
    const char *p, *q;
    long places_x, places_y;

    if (!split(a, n_a, &x) || !split(b, n_b, &y))
        return false;
    places_x = trim_zeros(&x);
    places_y = trim_zeros(&y);
    if (x.digits == x.end || y.digits == y.end) /* zero, of whatever sign */
        return x.digits == x.end && y.digits == y.end;
    if (x.negative != y.negative || places_x != places_y)
        return false;
    p = x.digits;
    q = y.digits;
    for (;;) {
        p = skip_point(p, x.end);
        q = skip_point(q, y.end);
        if (p == x.end || q == y.end)
            return p == x.end && q == y.end;
        if (*p++ != *q++)
            return false;
    }
}

/* ---- distance ---- */

/* Digits of both numbers, each at its place; what is further below the first of them than both
 * together are long can change nothing but what is rounded. */
#define DISTANCE_DIGITS (3 * DECIMAL_MAX)

struct decimal_sum {
    signed char digit[1 + DISTANCE_DIGITS]; /* the first is for what is carried */
    size_t n;
    long top; /* places before the point of digit[1] */
};

static void add_digits(struct decimal_sum *s, const struct decimal_parts *d, long places, int sign)
{
    size_t at = 1 + (size_t)(s->top - places < DISTANCE_DIGITS ? s->top - places : DISTANCE_DIGITS);

    for (const char *p = d->digits; p < d->end && at < ARRAY_SIZE(s->digit); p++) {
        if (*p == '.')
            continue;
        s->digit[at] = (signed char)(s->digit[at] + sign * (*p - '0'));
        at++;
    }
    s->n = at > s->n ? at : s->n;
}

/* Makes all digits 0 to 9, of what is the number without its sign. */
static void carry(struct decimal_sum *s)
{
    size_t first = 0;
    int over = 0, sign;

    while (first < s->n && s->digit[first] == 0)
        first++;
    sign = first < s->n && s->digit[first] < 0 ? -1 : 1;
    for (size_t i = s->n; i-- > 0;) {
        int v = sign * s->digit[i] + over;

        over = v < 0 ? -1 : v / 10;
        s->digit[i] = (signed char)(v - 10 * over);
    }
}

long double decimal_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    struct decimal_sum s = {.n = 1};
    char text[ARRAY_SIZE(s.digit) + 32];
    struct decimal_parts x, y;
    long places_x, places_y;

    if (!split(a, n_a, &x) || !split(b, n_b, &y))
        return 0;
    places_x = trim_zeros(&x);
    places_y = trim_zeros(&y);
    if (x.digits == x.end)
        places_x = places_y;
    if (y.digits == y.end)
        places_y = places_x;
    s.top = places_x > places_y ? places_x : places_y;
    add_digits(&s, &x, places_x, x.negative ? -1 : 1);
    add_digits(&s, &y, places_y, y.negative ? 1 : -1);
    carry(&s);
    text[0] = '.';
    for (size_t i = 0; i < s.n; i++)
        text[1 + i] = (char)('0' + s.digit[i]);
    (void)snprintf(text + 1 + s.n, sizeof(text) - 1 - s.n, "e%ld", s.top + 1);
    return value_of(text);
}

/* ---- fixed places ---- */

bool decimal_fixed(const char *text, size_t n, unsigned places, uint64_t max, uint64_t *ret)
{
    struct decimal_parts d;
    uint64_t value = 0;
    const char *p;
    long left;

    if (n > DECIMAL_MAX || !split(text, n, &d))
        return false;
    left = trim_zeros(&d) + (long)places;
    p = d.digits;
    if (p < d.end && d.negative)
        return false;
    for (; p < d.end && left > 0; left--) {
        p = skip_point(p, d.end);
        if (value > (UINT64_MAX - 9) / 10)
            return false;
        value = 10 * value + (uint64_t)(p < d.end ? *p++ - '0' : 0);
    }
    for (; value > 0 && left > 0 && value <= max; left--)
        value = value <= (UINT64_MAX - 9) / 10 ? 10 * value : UINT64_MAX;
    if (value > max)
        return false;
    *ret = value;
    return true;
}
