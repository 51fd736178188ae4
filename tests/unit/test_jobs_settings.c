/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what it says, what is wrong with it and where, and that its documentation
 * has its keys. */
#include "test_jobs.h"

#include <fcntl.h>

static int read_text(const char *text, struct jobs_settings *ret, struct strbuf *problems)
{
    struct cupel_error err;

    return jobs_settings_read("c.yaml", text, strlen(text), ret, problems, &err);
}

static void test_says(void **state)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_settings s;

    (void)state;
    assert_int_equal(setenv("HOME", "/home/u", 1), 0);
    assert_int_equal(read_text("cache: {keep: 20G, older: 30d, path: ~/roots}\n", &s, &problems),
                     0);
    assert_int_equal(s.keep_bytes, UINT64_C(20) << 30);
    assert_int_equal(s.older_ns, 30 * 86400 * NSEC_PER_SEC);
    assert_string_equal(s.path, "/home/u/roots");
    jobs_settings_free(&s);
    assert_int_equal(problems.len, 0);
}

static void test_says_nothing(void **state)
{
    static const char *const texts[] = {"", "\n", "# cache:\n#   keep: 20G\n", "  # x",
                                        "cache: {}\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_strbuf struct strbuf problems = {0};
        struct jobs_settings s = {0};

        assert_int_equal(read_text(texts[i], &s, &problems), 0);
        assert_null(s.path);
        assert_int_equal(s.keep_bytes, UINT64_MAX);
        assert_int_equal(s.older_ns, UINT64_MAX);
    }
}

static void test_problems(void **state)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"cache: {keep: 20X}", "c.yaml:1:15: 'keep' must be a size"},
        {"cache: {keep: -1}", "c.yaml:1:15: 'keep' must be a size"},
        {"cache: {older: never}", "c.yaml:1:16: 'older' must be a duration"},
        {"cache: {older: 0s}", "c.yaml:1:16: 'older' must be"},
        {"cache: {path: roots}", "c.yaml:1:15: 'path' must be an absolute path"},
        {"cache: {path: }", "c.yaml:1:15: 'path' must be"},
        {"cache:\n  kep: 1G\n", "c.yaml:2:3: unknown key 'kep', did you mean 'keep'?"},
        {"keep: 1G\n",
         "c.yaml:1:1: unknown key 'keep' in the configuration, did you mean 'keep' under 'cache'?"},
        {"cache: 20G\n", "c.yaml:1:8: 'cache' must be a map"},
        {"- cache\n", "c.yaml:1:1: a configuration is a map"},
        {"cache: {keep: 1G, keep: 2G}\n", "c.yaml:1:19: "},
        {"cache: [\n", "a '[' or '{' before it is never closed"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        cleanup_strbuf struct strbuf problems = {0};
        struct jobs_settings s = {0};

        if (read_text(wrong[i].text, &s, &problems) >= 0 ||
            strstr(problems.data, wrong[i].says) == NULL)
            fail_msg("%s: %s", wrong[i].text,
                     problems.data != NULL ? problems.data : "nothing wrong with it");
    }
}

static void test_documentation_has_the_tables(void **state)
{
    static const struct key_table *const tables[] = {&keys_settings, &keys_settings_cache};
    cleanup_free char *text = NULL;
    size_t len;

    (void)state;
    assert_int_equal(file_read_at(AT_FDCWD, "../../docs/configuration.md", 1 << 20, &text, &len),
                     0);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        cleanup_strbuf struct strbuf table = {0};

        keys_markdown(tables[i], &table);
        if (strstr(text, table.data) == NULL)
            fail_msg("docs/configuration.md lacks this table:\n%s", table.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says),
        cmocka_unit_test(test_says_nothing),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_documentation_has_the_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
