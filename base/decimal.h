/* SPDX-License-Identifier: Apache-2.0 */
/* decimal: numbers as people and programs print them, such as -12, 1., .5 and 6.02e+23, in any
 * locale. Hexadecimal ones, digits with separators, infinities and what is not a number are none.
 */
#pragma once

#include "base/base.h"

/* Longer texts are none. */
#define DECIMAL_MAX 1024

/* The number that all n bytes are: ([+-]) digits with a point or without, and an exponent. False:
 * they are none, or one beyond the range of a double, which not every machine could hold. */
bool decimal_parse(const char *text, size_t n, long double *ret);
/* Whether two texts that decimal_parse takes are one number, digit by digit: 1, +1.0 and 10e-1 are,
 * and so are 0 and -0. */
bool decimal_same(const char *a, size_t n_a, const char *b, size_t n_b);
/* How far apart two texts are that decimal_parse takes: exactly so, and rounded once. */
long double decimal_distance(const char *a, size_t n_a, const char *b, size_t n_b);
/* Reads a number that is not negative as a count of 10^-places, what is finer let go. False: it is
 * none, or more than `max`. */
bool decimal_fixed(const char *text, size_t n, unsigned places, uint64_t max, uint64_t *ret);
