/* test_supervisor_artifact_patterns: the compiled patterns against a naive reading of the same words, on every short
 * path of a small alphabet, and the parts of a pattern one by one. */
#include "harness/supervisor/artifact_patterns.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- the reference: what the words say, by trying everything ---- */

static const char *rest_of(const char *path)
{
    path += strcspn(path, "/");
    return path + strspn(path, "/");
}

/* `pattern` and `path` begin with a part, or are empty. */
static bool naive(const char *pattern, const char *path)
{
    char part[64], name[64];

    if (*pattern == '\0')
        return true; /* a directory that a whole pattern matches: all that it holds */
    if (*path == '\0')
        return false;
    (void)snprintf(part, sizeof(part), "%.*s", (int)strcspn(pattern, "/"), pattern);
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(path, "/"), path);
    if (!str_eq(part, "**"))
        return fnmatch(part, name, FNM_PERIOD) == 0 && naive(rest_of(pattern), rest_of(path));
    /* no directory, or this one and any number of others */
    return naive(rest_of(pattern), path) || (*rest_of(path) != '\0' && naive(pattern, rest_of(path)));
}

/* ---- the compiled ones, along one path ---- */

static bool compiled(const char *const *patterns, const char *path, size_t used)
{
    struct artifact_patterns *p = artifact_patterns_new(patterns);
    struct artifact_states s, next;
    char name[64];
    bool matched = false;

    artifact_patterns_begin(p, &s);
    for (const char *at = path;;) {
        size_t n = strcspn(at, "/");

        (void)snprintf(name, sizeof(name), "%.*s", (int)n, at);
        if (at[n] == '\0') {
            matched = artifact_patterns_match(p, &s, name) && artifact_patterns_used(p, used);
            break;
        }
        if (!artifact_patterns_enter(p, &s, name, &next))
            break;
        artifact_states_free(&s);
        s = next;
        at += n + 1;
    }
    artifact_states_free(&s);
    artifact_patterns_free(p);
    return matched;
}

static const char *const pattern_parts[] = {"a", "b", "*", "**", ".a", "?"};
static const char *const names[] = {"a", "b", ".a"};

/* Number `i` of all sequences of up to `depth` words, joined by slashes; false behind the last. */
static bool sequence(size_t i, const char *const *words, size_t n, size_t depth, char *buf, size_t size)
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
    for (size_t i = 0; sequence(i, pattern_parts, ARRAY_SIZE(pattern_parts), 4, pattern, sizeof(pattern)); i++)
        for (size_t k = 0; sequence(k, names, ARRAY_SIZE(names), 4, path, sizeof(path)); k++) {
            const char *list[] = {pattern, NULL};

            if (compiled(list, path, 0) != naive(pattern, path))
                fail_msg("%s and %s: compiled says %d", pattern, path, compiled(list, path, 0));
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
            assert_int_equal(compiled(list, table[i].path, k), (table[i].used >> k) & 1u);
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

        if (compiled(list, table[i].path, 0) != table[i].matches)
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
