/* SPDX-License-Identifier: Apache-2.0 */
/* base: decimal numbers in text, and which of them are the same. */
#include "base/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"+5", 5},
        {"1.", 1},
        {".5", 0.5},
        {"-12.25", -12.25},
        {"1e3", 1000},
        {"1E+3", 1000},
        {"25e-2", 0.25},
        {"007", 7},
        {"1e-999999999999999999999", 0},
        {"0e999999999999999999999", 0},
        {"1e308", 1e308},
    };
    static const char *const bad[] = {
        "",    "+",   "-",    ".",    "e5",    "1e",       "1e+", "1e400",
        "nan", "inf", "-inf", "0x10", "0x1p3", "1_000",    "1,5", "1.2.3",
        "--1", "1 ",  " 1",   "1f",   "1e2.5", "infinity", "NaN", "1e99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        long double v = -1;

        if (!decimal_parse(good[i].text, strlen(good[i].text), &v))
            fail_msg("%s is none", good[i].text);
        assert_true((double)v >= good[i].value && (double)v <= good[i].value);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        long double v;

        if (decimal_parse(bad[i], strlen(bad[i]), &v))
            fail_msg("%s is one", bad[i]);
    }
}

/* What is behind n bytes is not looked at, and a text may not be longer than a number can be. */
static void test_bounds(void **state)
{
    char digits[DECIMAL_MAX + 1];
    long double v;

    (void)state;
    assert_true(decimal_parse("12x", 2, &v));
    assert_int_equal((int)v, 12);
    memset(digits, '0', sizeof(digits));
    assert_true(decimal_parse(digits, DECIMAL_MAX, &v));
    assert_false(decimal_parse(digits, DECIMAL_MAX + 1, &v));
}

static void test_same(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } table[] = {
        {"1", "1.0", true},
        {"1", "+1", true},
        {"1", "10e-1", true},
        {"0", "-0", true},
        {"0", "0e50", true},
        {"0.10", ".1", true},
        {"100", "1e2", true},
        {"100", "1", false},
        {"0.01", "1e-2", true},
        {"1", "-1", false},
        {"12.5", "125e-1", true},
        {"12.5", "1.25", false},
        {"0", "1", false},
        {"1.5", "15", false},
        {"1.05", "10.5e-1", true},
        {"10.5", "105", false},
        {"1", "x", false},
        {"0", "0.0000", true},
        /* more than a double has */
        {"9007199254740993", "9007199254740992", false},
        {"123456789012345678901234567890", "123456789012345678901234567891", false},
        {"123456789012345678901234567890", "12345678901234567890123456789e1", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *a = table[i].a, *b = table[i].b;

        if (decimal_same(a, strlen(a), b, strlen(b)) != table[i].same ||
            decimal_same(b, strlen(b), a, strlen(a)) != table[i].same)
            fail_msg("%s and %s", a, b);
    }
}

static void test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        double distance;
    } table[] = {
        {"1", "1.0", 0},
        {"1", "3", 2},
        {"-1", "3", 4},
        {"-1", "-3", 2},
        {"0", "-2.5", 2.5},
        {"0", "0", 0},
        {"999", "1000", 1},
        {"1e3", "0.5", 999.5},
        {"1", "0.9999999999999999999999999999", 1e-28},
        {"12345678901234567890123", "12345678901234567890124", 1},
        {"12345678901234567890123", "-12345678901234567890124", 24691357802469135780247.},
        {"1e308", "1e-999999", 1e308},
        {"1e-300", "3e-300", 2e-300},
        {"0.3", "0.2", 0.1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *a = table[i].a, *b = table[i].b;
        double one = (double)decimal_distance(a, strlen(a), b, strlen(b)),
               other = (double)decimal_distance(b, strlen(b), a, strlen(a));

        if (one < table[i].distance || one > table[i].distance || other < one || other > one)
            fail_msg("%s and %s are %g apart", a, b, one);
    }
}

static void test_fixed(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"1", 1000},
                {"1.0009", 1000},
                {"1e2", 100000},
                {"1e-3", 1},
                {"9e-4", 0},
                {"1e-999999999999", 0},
                {"0e999", 0},
                {"000012", 12000},
                {"1000000", 1000000000}};
    static const char *const bad[] = {
        "", "-1", "1000000.001", "1e7", "1e99999999999", "nan", "0x1", "99999999999999999999999"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        uint64_t v = 7;

        if (!decimal_fixed(good[i].text, strlen(good[i].text), 3, 1000000000, &v) ||
            v != good[i].value)
            fail_msg("%s is %llu", good[i].text, (unsigned long long)v);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t v = 7;

        if (decimal_fixed(bad[i], strlen(bad[i]), 3, 1000000000, &v) || v != 7)
            fail_msg("%s is one", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_bounds), cmocka_unit_test(test_same),
        cmocka_unit_test(test_distance), cmocka_unit_test(test_fixed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
