/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_artifact_patterns: the compiled patterns against a naive reading of the same
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_naive_reading),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_odd_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
