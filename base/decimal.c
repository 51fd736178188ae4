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

bool decimal_parse(const char *text, size_t n, long double *ret)
{
    static locale_t plain; /* glibc keeps it, and nothing is made */
    char copy[DECIMAL_MAX + 1];
    struct decimal_parts d;

    if (n > DECIMAL_MAX || !split(text, n, &d))
        return false;
    if (plain == (locale_t)0)
        plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    memcpy(copy, text, n);
    copy[n] = '\0';
    *ret = plain != (locale_t)0 ? strtold_l(copy, NULL, plain) : strtold(copy, NULL);
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
