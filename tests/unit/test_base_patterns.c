/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_patterns: the compiled patterns against a naive reading of the same
 * words, on every short path of a small alphabet, and the parts of a pattern one by one. */
#include "tests/fuzz/pattern_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const pattern_parts[] = {"a", "b", "*", "**", ".a", "?"};
static const char *const names[] = {"a", "b", ".a"};

/* Number `i` of all sequences of up to `depth` words, joined by slashes; false behind the last. */
static bool sequence(size_t i, const char *const *words, size_t n, size_t depth, char *buf,
                     size_t size)
{
    size_t count = n, d = 1, len = 0;

    while (i >= count) {
        i -= count;
        count *= n;
        if (++d > depth)
            return false;
    }
    for (size_t k = 0; k < d; k++, i /= n)
        len += (size_t)snprintf(buf + len, size - len, "%s%s", k > 0 ? "/" : "", words[i % n]);
    return true;
}

static void test_against_the_naive_reading(void **state)
{
    char pattern[64], path[64];

    (void)state;
    for (size_t i = 0;
         sequence(i, pattern_parts, ARRAY_SIZE(pattern_parts), 4, pattern, sizeof(pattern)); i++)
        for (size_t k = 0; sequence(k, names, ARRAY_SIZE(names), 4, path, sizeof(path)); k++) {
            const char *list[] = {pattern, NULL};

            if (reference_compiled(list, path, 0) != reference_naive(pattern, path))
                fail_msg("%s and %s: compiled says %d", pattern, path,
                         reference_compiled(list, path, 0));
        }
}

/* Each pattern of a list is as it is alone. */
static void test_several(void **state)
{
    const char *list[] = {"/w/*.log", "/w/**/x", "/v", "/**/**/y", NULL};
    static const struct {
        const char *path;
        unsigned used;
    } table[] = {{"w/a.log", 1}, {"w/x", 2}, {"w/d/d/x", 2},   {"v/x", 4}, {"v", 4},
                 {"y", 8},       {"w/y", 8}, {"v/d/y", 4 + 8}, {"w/q", 0}, {"x", 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(reference_compiled(list, table[i].path, k), (table[i].used >> k) & 1u);
}

/* Relative patterns are below the base, whatever letters it has. */
static void test_base(void **state)
{
    const char *list[] = {"a", "**/b", "/c", "", NULL};
    struct patterns *p = patterns_new(list, "/w/[x]");
    struct pattern_states top, w, x, deeper;

    (void)state;
    patterns_begin(p, &top);
    assert_false(patterns_match(p, &top, "a", true));
    assert_true(patterns_match(p, &top, "c", true));
    assert_true(patterns_enter(p, &top, "w", &w));
    assert_false(patterns_enter(p, &w, "x", &x));
    assert_true(patterns_match(p, &w, "[x]", false)); /* by "" alone */
    assert_true(patterns_used(p, 3) && !patterns_served(p, 3));
    assert_false(patterns_used(p, 0) || patterns_used(p, 1));
    assert_true(patterns_enter(p, &w, "[x]", &x));
    assert_true(pattern_states_take_all(p, &x));
    assert_true(patterns_match(p, &x, "a", true) && patterns_served(p, 0));
    assert_true(patterns_enter(p, &x, "d", &deeper));
    assert_true(patterns_match(p, &deeper, "b", true) && patterns_served(p, 1));
    pattern_states_free(&top);
    pattern_states_free(&w);
    pattern_states_free(&x);
    pattern_states_free(&deeper);
    patterns_free(p);
}

static void test_odd_patterns(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } table[] = {
        {"//w///a/", "w/a", true},   {"/", "w", true},
        {"", "w/a", true},           {"/w/**", "w", false},
        {"/w", "w", true},           {"/w/**/**", "w/a", true},
        {"/***", "w", true},         {"/w/\\*", "w/*", true},
        {"/w/\\*", "w/a", false},    {"/w/[", "w/[", true},
        {"/w/[!a]", "w/b", true},    {"/w/a**b", "w/axxb", true},
        {"/w/**a", "w/d/xa", false}, {"/w/*/**/*", "w/a", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *list[] = {table[i].pattern, NULL};

        if (reference_compiled(list, table[i].path, 0) != table[i].matches)
            fail_msg("%s and %s", table[i].pattern, table[i].path);
    }
}

/* What braces stand for, in order. */
static void test_braces(void **state)
{
    static const struct {
        const char *pattern, *joined;
    } table[] = {
        {"a{b,c}d", "<abd><acd>"},
        {"{a,b}{c,d}", "<ac><ad><bc><bd>"},
        {"a{b,c{d,e}}", "<ab><acd><ace>"},
        {"{,a}", "<><a>"},
        {"{a,}", "<a><>"},
        {"{,}", "<><>"},
        {"{a}", "<{a}>"},
        {"{}", "<{}>"},
        {"{a{b,c}}", "<{ab}><{ac}>"},
        {"{a{b,c}", "<{ab><{ac>"},
        {"a}{b,c", "<a}{b,c>"},
        {"\\{a,b}", "<\\{a,b}>"},
        {"{a\\,b}", "<{a\\,b}>"},
        {"{a\\},b}", "<a\\}><b>"},
        {"a,b", "<a,b>"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_strbuf struct strbuf b = {0};
        struct strings all = {0};

        assert_true(globs_expand(table[i].pattern, 256, &all));
        for (size_t k = 0; k < all.n; k++)
            strbuf_addf(&b, "<%s>", all.items[k]);
        assert_string_equal(b.data, table[i].joined);
        strings_free(&all);
    }
}

static void test_braces_are_bounded(void **state)
{
    struct strings all = {0};
    cleanup_strbuf struct strbuf b = {0};

    (void)state;
    assert_true(globs_expand("{a,b}{a,b}{a,b}", 8, &all));
    assert_int_equal(all.n, 8);
    assert_false(globs_expand("{a,b}{a,b}{a,b}", 7, &all));
    assert_int_equal(all.n, 8); /* nothing of it */
    strings_free(&all);
    for (int i = 0; i < 1300; i++)
        strbuf_adds(&b, "{a,b}");
    assert_false(globs_expand(b.data, 256, &all));
    b.len = 0;
    for (int i = 0; i < 4000; i++)
        strbuf_adds(&b, "{,");
    assert_true(globs_expand(b.data, 256, &all)); /* none of them closed */
    assert_int_equal(all.n, 1);
    strings_free(&all);
}

/* Each short text of what matters in braces means what trying says. */
static void test_braces_against_the_naive_reading(void **state)
{
    static const char letters[] = "{},a\\/";
    static const char *const paths[] = {"a", "aa", "a/a", "{a}", "a,a", "}", "{", "b"};
    char pattern[7] = "";

    (void)state;
    for (size_t i = 0; i < (size_t)6 * 6 * 6 * 6 * 6 * 6; i++) {
        for (size_t k = 0, rest = i; k < 6; k++, rest /= 6)
            pattern[k] = letters[rest % 6];
        for (size_t k = 0; k < ARRAY_SIZE(paths); k++) {
            bool many, matches = reference_expanded(pattern, paths[k], &many);

            if (many || matches != reference_braced(pattern, paths[k]))
                fail_msg("%s and %s: compiled says %d", pattern, paths[k], matches);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_naive_reading),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_odd_patterns),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_braces),
        cmocka_unit_test(test_braces_are_bounded),
        cmocka_unit_test(test_braces_against_the_naive_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
