/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_compare: each rule over the same pairs of texts, where they differ, and what alone
 * does; texts in memory and in files, that cross the bounds of what is read at once. */
#include "harness/attempt/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define CHUNK ((size_t)64 * 1024) /* what compare.c reads at once */

static struct compare_source text_of(const char *text)
{
    return (struct compare_source){.text = text, .fd = -EBADF, .len = strlen(text)};
}

static struct compare_difference compared(const char *expected, const char *got,
                                          enum jobs_compare_how how, double absolute,
                                          double relative)
{
    const struct compare_source e = text_of(expected), g = text_of(got);
    const struct jobs_compare rules = {.how = how, .absolute = absolute, .relative = relative};
    struct compare_difference d;

    assert_int_equal(compare_sources(&e, &g, &rules, &d), 0);
    return d;
}

static bool same(const char *expected, const char *got, enum jobs_compare_how how)
{
    return !compared(expected, got, how, 0, 0).differ;
}

/* What is the same by one rule is the same by all that come after it. */
static void test_rules(void **state)
{
    static const struct {
        const char *a, *b;
        enum jobs_compare_how from; /* DEFAULT: by none */
    } table[] = {
        {"", "", JOBS_COMPARE_EXACT},
        {"a b\n", "a b\n", JOBS_COMPARE_EXACT},
        {"a\n", "a", JOBS_COMPARE_TRIM},
        {"a\n", "a\r\n", JOBS_COMPARE_TRIM},
        {"a\nb\n", "a  \nb\t\n\n \n", JOBS_COMPARE_TRIM},
        {"", " \n\t\n", JOBS_COMPARE_TRIM},
        {"a\n  b", "a  \n  b", JOBS_COMPARE_TRIM},
        {"a\n\nb", "a\n \nb", JOBS_COMPARE_TRIM},
        {"a\n  b", "a\n b", JOBS_COMPARE_TOKENS},
        {"a\n b", "a\n\tb", JOBS_COMPARE_TOKENS},
        {"a b", "a  b", JOBS_COMPARE_TOKENS},
        {"a b", "a\nb", JOBS_COMPARE_TOKENS},
        {"a\n\nb", "a\nb", JOBS_COMPARE_TOKENS},
        {"a", " a", JOBS_COMPARE_TOKENS},
        {"a", "\na", JOBS_COMPARE_TOKENS},
        {"1", "1.0", JOBS_COMPARE_NUMBERS},
        {"x 1e2 y", "x 100 y", JOBS_COMPARE_NUMBERS},
        {"nan inf", "nan inf", JOBS_COMPARE_EXACT},
        {"nan", "NaN", JOBS_COMPARE_DEFAULT},
        {"1e400", "1e401", JOBS_COMPARE_DEFAULT},
        {"1e400", "10e399", JOBS_COMPARE_DEFAULT}, /* texts, both */
        {"0x10", "16", JOBS_COMPARE_DEFAULT},
        {"1_000", "1000", JOBS_COMPARE_DEFAULT},
        {"9007199254740993", "9007199254740992", JOBS_COMPARE_DEFAULT},
        {"a", "b", JOBS_COMPARE_DEFAULT},
        {"a", "A", JOBS_COMPARE_DEFAULT},
        {"a", "", JOBS_COMPARE_DEFAULT},
        {"ab", "a b", JOBS_COMPARE_DEFAULT},
        {"a b", "a", JOBS_COMPARE_DEFAULT},
        {"a b", "a b c", JOBS_COMPARE_DEFAULT},
        {"a\xa0", "a", JOBS_COMPARE_DEFAULT}, /* white space of other locales */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        for (unsigned how = JOBS_COMPARE_EXACT; how <= JOBS_COMPARE_NUMBERS; how++) {
            bool expected = table[i].from != JOBS_COMPARE_DEFAULT && how >= table[i].from;

            if (same(table[i].a, table[i].b, (enum jobs_compare_how)how) != expected ||
                same(table[i].b, table[i].a, (enum jobs_compare_how)how) != expected)
                fail_msg("pair %zu by rule %u", i, how);
        }
}

static void test_case(void **state)
{
    const struct compare_source e = text_of("Yes 1E2 \xc3\x84\n");
    const struct compare_source g = text_of("yES 1e2 \xc3\x84\n"),
                                h = text_of("yes 1e2 \xc3\xa4\n");
    struct compare_difference d;

    (void)state;
    for (unsigned how = JOBS_COMPARE_EXACT; how <= JOBS_COMPARE_NUMBERS; how++) {
        const struct jobs_compare rules = {.how = (enum jobs_compare_how)how,
                                           .letter_case = JOBS_CASE_IGNORE};

        assert_int_equal(compare_sources(&e, &g, &rules, &d), 0);
        assert_false(d.differ);
        assert_int_equal(compare_sources(&e, &h, &rules, &d), 0);
        assert_true(d.differ); /* other letters than those of ASCII */
    }
}

static bool near(const char *expected, const char *got, double absolute, double relative)
{
    return !compared(expected, got, JOBS_COMPARE_NUMBERS, absolute, relative).differ;
}

static void test_tolerance(void **state)
{
    struct compare_difference d;

    (void)state;
    assert_true(near("0.333333", "0.333334", 1e-5, 0));
    assert_false(near("0.333333", "0.333353", 1e-5, 0));
    assert_true(near("1000000", "1000001", 0, 1e-5));
    assert_false(near("1000000", "1000101", 0, 1e-5));
    assert_true(near("1000000", "1000101", 200, 1e-5)); /* either suffices */
    assert_true(near("1e300", "1.0000001e300", 1, 1e-6));
    assert_true(near("0", "-0.0000001", 1e-6, 1e-6));
    assert_true(near("-5", "-5.0000001", 0, 1e-6));
    assert_false(near("5", "-5", 1, 0.5));
    assert_false(near("nan", "1", 1e300, 1e300));
    assert_false(near("1", "nan", 1e300, 1e300));
    assert_false(near("inf", "1e308", 1e300, 1e300));
    assert_false(near("inf", "-inf", 1e300, 1e300));
    assert_false(near("1", "x", 1e300, 1e300));
    /* more digits than a machine's numbers have are counted all the same */
    assert_false(near("354224848179261915075", "354224848179261915076", 1e-6, 0));
    assert_true(near("354224848179261915075", "354224848179261915076", 1, 0));
    assert_false(near("354224848179261915075", "354224848179261915076.5", 1, 1e-30));
    assert_false(near("1", "1.00000000000000000000000000000002", 1e-32, 0));
    assert_true(near("1", "1.00000000000000000000000000000002", 2e-32, 0));
    /* what is as far away as may be is near enough, whatever binary makes of it */
    assert_true(near("0.5", "0.2", 0.3, 0));
    assert_true(near("0.5", "0.8", 0.3, 0));
    assert_false(near("0.5", "0.80000001", 0.3, 0));
    assert_true(near("1.1", "1.2", 0.1, 0));
    d = compared("a 2.5 b", "a 2.75 b", JOBS_COMPARE_NUMBERS, 0.125, 0);
    assert_true(d.differ && d.is_number);
    assert_true(d.distance > 0.24 && d.distance < 0.26);
    d = compared("2.5 a", "2.75 b", JOBS_COMPARE_NUMBERS, 1, 0);
    assert_true(d.differ && !d.is_number);
    assert_int_equal(d.got_at, 5);
}

static void test_places(void **state)
{
    static const struct {
        const char *expected, *got;
        enum jobs_compare_how how;
        uint64_t expected_at, got_at, expected_len, got_len, line, column;
    } table[] = {
        {"a\nbc", "a\nbd", JOBS_COMPARE_EXACT, 3, 3, UINT64_MAX, UINT64_MAX, 2, 2},
        {"\xc3\xa4\xc3\xa4x", "\xc3\xa4\xc3\xa4y", JOBS_COMPARE_EXACT, 4, 4, UINT64_MAX, UINT64_MAX,
         1, 3},
        {"a", "a\n", JOBS_COMPARE_EXACT, 1, 1, UINT64_MAX, UINT64_MAX, 1, 2},
        {"a\nb", "a \n\nb", JOBS_COMPARE_TRIM, 1, 1, UINT64_MAX, UINT64_MAX, 1, 2},
        {"a \nb", "a\nc", JOBS_COMPARE_TRIM, 3, 2, UINT64_MAX, UINT64_MAX, 2, 1},
        {"10  20 30", "10\n21 30", JOBS_COMPARE_TOKENS, 4, 3, 2, 2, 2, 1},
        {"10 20", "10", JOBS_COMPARE_TOKENS, 3, 2, UINT64_MAX, UINT64_MAX, 1, 3},
        {"10", "10 \n20\n", JOBS_COMPARE_TOKENS, 2, 4, UINT64_MAX, 2, 2, 1},
        /* far into a token it is quoted from the difference */
        {"0123456789012345678901234567890123456789A b",
         "0123456789012345678901234567890123456789B b", JOBS_COMPARE_TOKENS, 40, 40, 1, 1, 1, 41},
        {"0123456789012345678901234567890123456789A b",
         "0123456789012345678901234567890123456789B b", JOBS_COMPARE_NUMBERS, 40, 40, 1, 1, 1, 41},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct compare_difference d = compared(table[i].expected, table[i].got, table[i].how, 0, 0);
        const struct compare_source got = text_of(table[i].got);
        struct compare_place where;

        assert_true(d.differ);
        assert_int_equal(d.expected_at, table[i].expected_at);
        assert_int_equal(d.got_at, table[i].got_at);
        assert_int_equal(d.expected_len, table[i].expected_len);
        assert_int_equal(d.got_len, table[i].got_len);
        assert_int_equal(compare_locate(&got, d.got_at, &where), 0);
        assert_int_equal(where.line, table[i].line);
        assert_int_equal(where.column, table[i].column);
    }
}

static void test_why(void **state)
{
    static const struct {
        const char *expected, *got;
        enum jobs_compare_how how;
        enum compare_only only;
    } table[] = {
        {"a\nb\n", "a\r\nb\r\n", JOBS_COMPARE_EXACT, COMPARE_ONLY_LINE_ENDS},
        {"a\r\nb\n", "a\nb\r\n", JOBS_COMPARE_EXACT, COMPARE_ONLY_LINE_ENDS},
        {"a\r\r\nb", "a\r\nb", JOBS_COMPARE_EXACT, COMPARE_ONLY_LINE_ENDS},
        {"a\n", "a", JOBS_COMPARE_EXACT, COMPARE_ONLY_SPACE},
        {"a b", "ab", JOBS_COMPARE_TOKENS, COMPARE_ONLY_SPACE},
        {"Yes", "YES", JOBS_COMPARE_EXACT, COMPARE_ONLY_CASE},
        {"Yes 1", "YES 1.0", JOBS_COMPARE_NUMBERS, COMPARE_ONLY_CASE},
        {"Yes\n", "YES", JOBS_COMPARE_EXACT, COMPARE_ONLY_SPACE_AND_CASE},
        {"a", "b", JOBS_COMPARE_EXACT, COMPARE_ONLY_NOTHING},
        {"a\rb", "a\nb", JOBS_COMPARE_EXACT, COMPARE_ONLY_SPACE},
        {"1", "2", JOBS_COMPARE_NUMBERS, COMPARE_ONLY_NOTHING},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct compare_source e = text_of(table[i].expected), g = text_of(table[i].got);
        const struct jobs_compare rules = {.how = table[i].how};
        enum compare_only only;

        assert_int_equal(compare_why(&e, &g, &rules, &only), 0);
        assert_int_equal(only, table[i].only);
    }
}

/* ---- larger than what is read at once ---- */

static struct compare_source file_of(const char *data, size_t n)
{
    int fd = memfd_create("compared", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "before", 6), 6);
    assert_int_equal(file_write_all(fd, data, n), 0);
    return (struct compare_source){.fd = fd, .from = 6, .len = n};
}

/* Every byte from `at` on is `fill`, up to `n`; before it, 'x'. */
static struct compare_source filled(size_t at, char fill, size_t n, const char *end)
{
    cleanup_free char *data = xmalloc(n + strlen(end));
    struct compare_source s;

    memset(data, 'x', at);
    memset(data + at, fill, n - at);
    memcpy(data + n, end, strlen(end));
    s = file_of(data, n + strlen(end));
    return s;
}

static void expect_large(struct compare_source e, struct compare_source g,
                         enum jobs_compare_how how, bool differ, uint64_t got_at)
{
    const struct jobs_compare rules = {.how = how};
    struct compare_difference d;

    assert_int_equal(compare_sources(&e, &g, &rules, &d), 0);
    assert_int_equal(d.differ, differ);
    if (differ)
        assert_int_equal(d.got_at, got_at);
    (void)close(e.fd);
    (void)close(g.fd);
}

static void test_large(void **state)
{
    const size_t n = 3 * CHUNK;

    (void)state;
    for (size_t at = CHUNK - 1; at <= CHUNK + 1; at++) { /* around the bound */
        expect_large(filled(at, 'y', n, ""), filled(at, 'y', n, ""), JOBS_COMPARE_EXACT, false, 0);
        expect_large(filled(at, 'y', n, ""), filled(at + 1, 'y', n, ""), JOBS_COMPARE_EXACT, true,
                     at);
        /* one token, and blanks, of more than is ever held */
        expect_large(filled(at, 'y', n, "a"), filled(at, 'y', n, "b"), JOBS_COMPARE_TOKENS, true,
                     n);
        expect_large(filled(at, '1', n, ""), filled(at, '1', n, "\n"), JOBS_COMPARE_NUMBERS, false,
                     0);
        expect_large(filled(at, '1', n, "1"), filled(at, '1', n, "2"), JOBS_COMPARE_NUMBERS, true,
                     n);
        expect_large(filled(at, ' ', n, "\n"), filled(at, ' ', n + 9, "\n\n"), JOBS_COMPARE_TRIM,
                     false, 0);
        expect_large(filled(at, ' ', n, "y"), filled(at, ' ', n, "y"), JOBS_COMPARE_TRIM, false, 0);
        expect_large(filled(at, ' ', n, "y"), filled(at, ' ', n + 1, "y"), JOBS_COMPARE_TRIM, true,
                     at);
        expect_large(filled(at, ' ', n, "\ty"), filled(at, ' ', n, " y"), JOBS_COMPARE_TRIM, true,
                     at);
        expect_large(filled(at, ' ', n, "y"), filled(at, '\n', n, "y"), JOBS_COMPARE_TOKENS, false,
                     0);
    }
    expect_large(filled(0, '0', 2000, "1"), filled(0, '0', 2001, "1"), JOBS_COMPARE_NUMBERS, true,
                 2000);
}

/* What a job has cut while it was read is no end of it. */
static void test_shortened(void **state)
{
    const struct jobs_compare rules = {.how = JOBS_COMPARE_TOKENS};
    struct compare_source e = filled(0, 'y', 100, ""), g = filled(0, 'y', 100, "");
    struct compare_difference d;

    (void)state;
    assert_int_equal(ftruncate(g.fd, 50), 0);
    assert_int_equal(compare_sources(&e, &g, &rules, &d), -EIO);
    (void)close(e.fd);
    assert_int_equal(compare_sources(&e, &g, &rules, &d), -EBADF);
    (void)close(g.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),     cmocka_unit_test(test_case),
        cmocka_unit_test(test_tolerance), cmocka_unit_test(test_places),
        cmocka_unit_test(test_why),       cmocka_unit_test(test_large),
        cmocka_unit_test(test_shortened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
