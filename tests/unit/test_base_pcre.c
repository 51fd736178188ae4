/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_pcre: which texts match which expressions, what is none, and that a text which was made
 * to go with an expression ends at a bound. */
#include "base/pcre.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum pcre_result search(const char *pattern, const char *text, size_t n)
{
    char why[PCRE_WHY_SIZE];
    size_t at;
    struct pcre *p = pcre_compile(pattern, strlen(pattern), why, &at);
    enum pcre_result r;

    assert_non_null(p);
    r = pcre_search(p, text, n);
    pcre_free(p);
    return r;
}

static void test_search(void **state)
{
    static const struct {
        const char *pattern, *text;
        size_t n;
        enum pcre_result result;
    } table[] = {
        {"^3$", "3\n", 2, PCRE_MATCHES},
        {"^3\\z", "3\n", 2, PCRE_DIFFERS},
        {"b", "abc", 3, PCRE_MATCHES},
        {"^b", "a\nb\n", 4, PCRE_DIFFERS},
        {"(?m)^b$", "a\nb\n", 4, PCRE_MATCHES},
        {"a.b", "a\nb", 3, PCRE_DIFFERS},
        {"(?s)a.b", "a\nb", 3, PCRE_MATCHES},
        {"a$", "a\r\n", 3, PCRE_DIFFERS},
        {"(?<=x)y(?!z)", "xyz xy", 6, PCRE_MATCHES},
        {"", "", 0, PCRE_MATCHES},
        {".", "", 0, PCRE_DIFFERS},
        {"a\\x00b", "a\0b", 3, PCRE_MATCHES},
        /* characters, not bytes */
        {"^gr..e$",
         "gr\xc3\xb6\xc3\x9f"
         "e",
         7, PCRE_MATCHES},
        {"\\x{f6}", "gr\xc3\xb6", 4, PCRE_MATCHES},
        {"^\\w$", "\xc3\xb6", 2, PCRE_DIFFERS},
        /* what is no UTF-8 is matched by nothing, and what is beside it as ever */
        {"^.ok", "\xffok", 3, PCRE_DIFFERS},
        {"ok$", "\xffok\n", 4, PCRE_MATCHES},
        {"^o.k", "o\xc3k", 3, PCRE_DIFFERS},
        {"^o", "o\xed\xa0\x80", 4, PCRE_MATCHES},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (search(table[i].pattern, table[i].text, table[i].n) != table[i].result)
            fail_msg("%s", table[i].pattern);
}

static void test_no_expression(void **state)
{
    static const struct {
        const char *pattern, *why;
        size_t at;
    } table[] = {
        {"a(b", "missing closing parenthesis", 3},
        {"ab)c", "unmatched closing parenthesis", 2},
        {"*a", "quantifier does not follow a repeatable item", 0},
        {"\\C", "using \\C is disabled by the application", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char why[PCRE_WHY_SIZE];
        size_t at = 99;

        assert_null(pcre_compile(table[i].pattern, strlen(table[i].pattern), why, &at));
        assert_string_equal(why, table[i].why);
        assert_int_equal(at, table[i].at);
    }
}

static void test_bounds(void **state)
{
    const size_t n = (size_t)4 << 20;
    char *text = xmalloc(n);

    (void)state;
    memset(text, 'a', n);
    text[40] = '!';
    assert_int_equal(search("^(a+)+$", text, 41), PCRE_STEPS);
    text[40] = 'a';
    assert_int_equal(search("^(?:a|b)*$", text, n), PCRE_MEMORY);
    assert_int_equal(search("^(?:a|b)*+$", text, 1000), PCRE_MATCHES);
    /* a pattern may say less, and not more */
    assert_int_equal(
        search("(*LIMIT_MATCH=4000000000)^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 40),
        PCRE_STEPS);
    free(text);
}

static int load(void **state)
{
    struct cupel_error err;

    (void)state;
    return pcre_load(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_no_expression),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
