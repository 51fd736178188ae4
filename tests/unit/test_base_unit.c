/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_unit: sizes, durations and cores, in both directions, with every edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/base.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)
#define MINUTE (60 * NSEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

struct parse_case {
    const char *text;
    int result;
    uint64_t value;
};

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

static void check_table(int (*parse)(const char *, uint64_t *), const struct parse_case *table,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = UNTOUCHED;
        int r = parse(table[i].text, &value);

        if (r != table[i].result)
            fail_msg("'%s': %d, not %d", table[i].text, r, table[i].result);
        if (value != (r == 0 ? table[i].value : UNTOUCHED))
            fail_msg("'%s': %llu, not %llu", table[i].text, (unsigned long long)value,
                     (unsigned long long)table[i].value);
    }
}

static void test_parse_size(void **state)
{
    static const struct parse_case table[] = {
        {"0", 0, 0},
        {"100", 0, 100},
        {"100B", 0, 100},
        {"007", 0, 7},
        {"64K", 0, 64 * KIB},
        {"64KB", 0, 64 * KIB},
        {"64KiB", 0, 64 * KIB},
        {"1.5K", 0, 1536},
        {"512M", 0, 512 * MIB},
        {"512MB", 0, 512 * MIB},
        {"1.5G", 0, GIB + GIB / 2},
        {"1GiB", 0, GIB},
        {"0.001K", 0, 1}, /* what is no whole byte is dropped */
        {"2TiB", 0, 2 * TIB},
        {"1.0", 0, 1},
        {"18446744073709551615", 0, UINT64_MAX},
        {"16777215T", 0, UINT64_MAX - TIB + 1},
        {"16777215.999999999T", 0, UINT64_MAX - 1099},
        {"18446744073709551616", -ERANGE, 0},
        {"99999999999999999999999999", -ERANGE, 0},
        {"16777216T", -ERANGE, 0},
        {"18446744073709551615K", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"M", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"1 M", -EINVAL, 0},
        {"1.M", -EINVAL, 0},
        {".5M", -EINVAL, 0},
        {"1..5M", -EINVAL, 0},
        {"1.5", -EINVAL, 0}, /* half a byte */
        {"1.5B", -EINVAL, 0},
        {"1k", -EINVAL, 0}, /* units are written in one way */
        {"1m", -EINVAL, 0},
        {"1Mi", -EINVAL, 0},
        {"1MiBs", -EINVAL, 0},
        {"1P", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"1,5M", -EINVAL, 0},
        {"1M1K", -EINVAL, 0},
        {"inf", -EINVAL, 0},
        {"1\n", -EINVAL, 0},
        {"\xd9\xa1", -EINVAL, 0}, /* a digit of another script */
    };

    (void)state;
    check_table(unit_parse_size, table, ARRAY_SIZE(table));
}

static void test_parse_duration(void **state)
{
    static const struct parse_case table[] = {
        {"0", 0, 0},
        {"2", 0, 2 * NSEC_PER_SEC},
        {"2.5", 0, 5 * NSEC_PER_SEC / 2},
        {"0.000000001", 0, 1},
        {"250ms", 0, 250 * NSEC_PER_MSEC},
        {"0.5ms", 0, 500 * NSEC_PER_USEC},
        {"7us", 0, 7 * NSEC_PER_USEC},
        {"9ns", 0, 9},
        {"90s", 0, 90 * NSEC_PER_SEC},
        {"5m", 0, 5 * MINUTE},
        {"1.5m", 0, 90 * NSEC_PER_SEC},
        {"1h30m", 0, HOUR + 30 * MINUTE},
        {"1h30s", 0, HOUR + 30 * NSEC_PER_SEC},
        {"1d2h3m4s5ms6us7ns", 0,
         DAY + 2 * HOUR + 3 * MINUTE + 4 * NSEC_PER_SEC + 5 * NSEC_PER_MSEC + 6 * NSEC_PER_USEC +
             7},
        {"1m90s", 0, MINUTE + 90 * NSEC_PER_SEC},
        {"18446744073", 0, 18446744073 * NSEC_PER_SEC},
        {"18446744073.709551615", 0, UINT64_MAX},
        {"18446744073.709551616", -ERANGE, 0},
        {"18446744073709551615ns", 0, UINT64_MAX},
        {"18446744073s709551616ns", -ERANGE, 0}, /* each part fits, the sum does not */
        {"18446744074", -ERANGE, 0},
        {"213504d", -ERANGE, 0},
        {"99999999999999999999999", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"1h30", -EINVAL, 0}, /* 30 of what? */
        {"30m1h", -EINVAL, 0},
        {"1m1m", -EINVAL, 0},
        {"1S", -EINVAL, 0},
        {"1min", -EINVAL, 0},
        {"1w", -EINVAL, 0},
        {"1 s", -EINVAL, 0},
        {"1s ", -EINVAL, 0},
        {"-1s", -EINVAL, 0},
        {"1s-1ms", -EINVAL, 0},
        {"1:30", -EINVAL, 0},
        {"1.s", -EINVAL, 0},
        {"infinity", -EINVAL, 0},
    };

    (void)state;
    check_table(unit_parse_duration, table, ARRAY_SIZE(table));
}

static void test_parse_cores(void **state)
{
    static const struct parse_case table[] = {
        {"0", 0, 0},
        {"1", 0, 1000},
        {"1.5", 0, 1500},
        {"0.001", 0, 1},
        {"0.0005", 0, 0},
        {"150%", 0, 1500},
        {"12.5%", 0, 125},
        {"100%", 0, 1000},
        {"18446744073709551.615", 0, UINT64_MAX},
        {"18446744073709551.616", -ERANGE, 0},
        {"18446744073709551615", -ERANGE, 0},
        {"18446744073709551615%", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"%", -EINVAL, 0},
        {"1%%", -EINVAL, 0},
        {"1 %", -EINVAL, 0},
        {"1c", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"1/2", -EINVAL, 0},
    };

    (void)state;
    check_table(unit_parse_cores, table, ARRAY_SIZE(table));
}

struct format_case {
    uint64_t value;
    const char *text;
};

static void check_format(const char *(*format)(uint64_t, char *), const struct format_case *table,
                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct {
            char text[UNIT_TEXT_SIZE];
            char fence;
        } buf;

        memset(&buf, 0x5a, sizeof(buf));
        assert_ptr_equal(format(table[i].value, buf.text), buf.text);
        assert_string_equal(buf.text, table[i].text);
        assert_int_equal(buf.fence, 0x5a);
    }
}

static void test_format_size(void **state)
{
    static const struct format_case table[] = {
        {0, "0 B"},
        {1, "1 B"},
        {1023, "1023 B"},
        {1024, "1 KiB"},
        {1536, "1.5 KiB"},
        {MIB - 1, "1 MiB"}, /* not 1024 KiB */
        {64 * MIB, "64 MiB"},
        {GIB + GIB / 2, "1.5 GiB"},
        {100 * MIB, "100 MiB"},
        {3 * TIB, "3 TiB"},
        {TIB * 1024, "1 PiB"},
        {UINT64_MAX, "16 EiB"},
    };

    (void)state;
    check_format(unit_format_size, table, ARRAY_SIZE(table));
}

static void test_format_duration(void **state)
{
    static const struct format_case table[] = {
        {0, "0 ms"},
        {500 * NSEC_PER_USEC, "0.5 ms"},
        {NSEC_PER_USEC, "0.001 ms"},
        {250 * NSEC_PER_MSEC, "250 ms"},
        {NSEC_PER_SEC, "1 s"},
        {1300 * NSEC_PER_MSEC, "1.3 s"},
        {10 * NSEC_PER_SEC, "10 s"},
        {59 * NSEC_PER_SEC + 999 * NSEC_PER_MSEC, "59.999 s"},
        {MINUTE, "1 min"},
        {125 * NSEC_PER_SEC, "2 min 5 s"},
        {HOUR - 1, "1 h 0 min"},
        {HOUR, "1 h 0 min"},
        {90 * MINUTE, "1 h 30 min"},
        {100 * DAY, "2400 h 0 min"},
        {UINT64_MAX, "5124095 h 34 min"},
    };

    (void)state;
    check_format(unit_format_duration, table, ARRAY_SIZE(table));
}

static void test_format_cores(void **state)
{
    static const struct format_case table[] = {
        {0, "0"},      {1, "0.001"},   {500, "0.5"},  {1000, "1"},
        {1500, "1.5"}, {1250, "1.25"}, {64000, "64"}, {100, "0.1"},
    };
    char buf[UNIT_TEXT_SIZE];

    (void)state;
    check_format(unit_format_cores, table, ARRAY_SIZE(table));
    assert_true(strlen(unit_format_cores(UINT64_MAX, buf)) < UNIT_TEXT_SIZE);
}

/* What is said in evidence can be written into a job file again, blank aside, where it is exact. */
static void test_size_round_trip(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 44; shift++) {
        uint64_t bytes = UINT64_C(1) << shift, back;
        char text[UNIT_TEXT_SIZE], *blank;

        (void)unit_format_size(bytes, text);
        blank = strchr(text, ' ');
        assert_non_null(blank);
        memmove(blank, blank + 1, strlen(blank));
        assert_int_equal(unit_parse_size(text, &back), 0);
        assert_int_equal(back, bytes);
    }
}

static void test_clock_goes_forward(void **state)
{
    uint64_t a = clock_monotonic_ns(), b;

    (void)state;
    do {
        b = clock_monotonic_ns();
        assert_true(b >= a);
    } while (b == a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_size),      cmocka_unit_test(test_parse_duration),
        cmocka_unit_test(test_parse_cores),     cmocka_unit_test(test_format_size),
        cmocka_unit_test(test_format_duration), cmocka_unit_test(test_format_cores),
        cmocka_unit_test(test_size_round_trip), cmocka_unit_test(test_clock_goes_forward),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
