/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: what is written for others from the key table: limits, JSON Schema, and docs/job-file.md,
 * which must not drift.
 */
#include "test_jobs.h"

#include <fcntl.h>
#include <jansson.h>
#include <regex.h>

static json_t *schema(void)
{
    cleanup_free char *text = jobs_schema();
    json_error_t err;
    json_t *s = json_loads(text, JSON_REJECT_DUPLICATES, &err);

    if (s == NULL)
        fail_msg("not JSON: %s", err.text);
    return s;
}

static json_t *table_of(json_t *s, const struct key_table *table)
{
    return table == &keys_file ? s : json_object_get(json_object_get(s, "$defs"), table->id);
}

static void test_schema_names_every_key(void **state)
{
    json_t *s = schema();
    size_t n = 0;

    (void)state;
    assert_string_equal(json_string_value(json_object_get(s, "$schema")),
                        "https://json-schema.org/draft/2020-12/schema");
    for (size_t t = 0; keys_all[t] != NULL; t++) {
        json_t *object = table_of(s, keys_all[t]);
        json_t *properties = json_object_get(object, "properties");

        assert_non_null(properties);
        assert_true(json_is_false(json_object_get(object, "additionalProperties")));
        assert_int_equal(json_object_size(properties), keys_all[t]->n);
        for (size_t i = 0; i < keys_all[t]->n; i++, n++) {
            json_t *key = json_object_get(properties, keys_all[t]->keys[i].name);

            if (key == NULL)
                fail_msg("the schema lacks '%s' of %s", keys_all[t]->keys[i].name,
                         keys_all[t]->title);
            assert_non_null(json_object_get(key, "description"));
            /* what the parser refuses as not supported yet, the schema refuses too */
            assert_int_equal(json_object_get(key, "not") != NULL, keys_all[t]->keys[i].set == NULL);
        }
    }
    assert_true(n > 100);
    json_decref(s);
}

static void test_references_lead_somewhere(void **state)
{
    cleanup_free char *text = jobs_schema();
    json_t *s = schema();
    size_t n = 0;

    (void)state;
    for (const char *p = strstr(text, "\"#/$defs/"); p != NULL;
         p = strstr(p + 1, "\"#/$defs/"), n++) {
        const char *name = p + strlen("\"#/$defs/");
        cleanup_free char *copy = strndup(name, strcspn(name, "\""));

        assert_non_null(json_object_get(json_object_get(s, "$defs"), copy));
    }
    assert_true(n >= 8);
    json_decref(s);
}

static void test_documentation_has_every_table(void **state)
{
    cleanup_free char *text = NULL;
    size_t len;

    (void)state;
    assert_int_equal(file_read_at(AT_FDCWD, "../../docs/job-file.md", 1 << 20, &text, &len), 0);
    for (size_t t = 0; keys_all[t] != NULL; t++) {
        cleanup_strbuf struct strbuf table = {0};

        keys_markdown(keys_all[t], &table);
        if (strstr(text, table.data) == NULL)
            fail_msg(
                "docs/job-file.md lacks this table (`cupel schema --markdown` prints all):\n%s",
                table.data);
    }
}

static void test_tables_are_sound(void **state)
{
    (void)state;
    for (size_t t = 0; keys_all[t] != NULL; t++) {
        const struct key_table *table = keys_all[t];

        assert_true(table->n <= 64); /* keys_apply keeps a bit for each */
        for (size_t i = 0; i < table->n; i++) {
            const struct key *k = &table->keys[i];

            assert_non_null(k->value);
            assert_non_null(k->help);
            for (size_t j = 0; j < i; j++)
                assert_string_not_equal(k->name, table->keys[j].name);
            if (k->set == NULL)
                continue;
            assert_true(k->forms != 0);
            assert_int_equal((k->forms & (FORM_OBJECT | FORM_OBJECTS | FORM_NAMED)) != 0,
                             k->sub != NULL);
            assert_int_equal(k->type == TYPE_CHOICE, k->choices != NULL);
        }
    }
}

/* Returns the scalar of a key that may be a map as well. */
static json_t *scalar_of(json_t *key)
{
    json_t *forms = json_object_get(key, "anyOf");

    return json_object_get(json_array_get(forms, 1), "$ref") != NULL ? json_array_get(forms, 0)
                                                                     : key;
}

/* An editor refuses the numbers that the parser refuses. */
static void test_schema_has_the_bounds_of_limits(void **state)
{
    static const uint64_t scales[] = {[JOBS_UNIT_CORES] = 1000,
                                      [JOBS_UNIT_DURATION] = NSEC_PER_SEC,
                                      [JOBS_UNIT_SIZE] = 1,
                                      [JOBS_UNIT_COUNT] = 1};
    json_t *s = schema();

    (void)state;
    for (size_t i = 0; i < JOBS_LIMIT_COUNT; i++) {
        const struct jobs_limit_info *info = &jobs_limit_table[i];
        const char *dot = strchr(info->key, '.');
        const struct key_table *table = dot == NULL                    ? &keys_limits
                                        : str_starts(info->key, "io.") ? &keys_io
                                                                       : &keys_twice;
        json_t *properties = json_object_get(table_of(s, table), "properties");
        json_t *key = scalar_of(json_object_get(properties, dot != NULL ? dot + 1 : info->key));

        assert_true(info->max > info->min);
        if (info->unit == JOBS_UNIT_CPUS) {
            assert_int_equal(json_integer_value(json_object_get(key, "maximum")),
                             JOBS_CPUS_MAX - 1);
            continue;
        }
        assert_true(json_number_value(json_object_get(key, "minimum")) ==
                    (double)info->min / (double)scales[info->unit]);
        assert_true(json_number_value(json_object_get(key, "maximum")) ==
                    (double)info->max / (double)scales[info->unit]);
    }
    json_decref(s);
}

/* Returns what the schema says of a key. */
static json_t *key_of(json_t *s, const struct key_table *table, const char *name)
{
    json_t *key = json_object_get(json_object_get(table_of(s, table), "properties"), name);

    assert_non_null(key);
    return key;
}

static bool pattern_matches(json_t *scalar, const char *text)
{
    regex_t pattern;
    int r;

    assert_int_equal(regcomp(&pattern, json_string_value(json_object_get(scalar, "pattern")),
                             REG_EXTENDED | REG_NOSUB),
                     0);
    r = regexec(&pattern, text, 0, NULL, 0);
    regfree(&pattern);
    return r == 0;
}

/* What stands for a value that is no text may be written wherever one is expected. */
static void test_schema_allows_what_is_replaced(void **state)
{
    json_t *s = schema();
    json_t *memory = key_of(s, &keys_limits, "memory"),
           *wall = scalar_of(key_of(s, &keys_limits, "wall")),
           *pids = key_of(s, &keys_limits, "pids"), *workdir = key_of(s, &keys_job, "workdir"),
           *fail_fast = key_of(s, &keys_job, "fail-fast"), *leaks = key_of(s, &keys_job, "leaks");

    (void)state;
    assert_true(pattern_matches(memory, "512M") && pattern_matches(memory, "${{ MEM }}M"));
    assert_false(pattern_matches(memory, "512X") || pattern_matches(memory, "{{ MEM }}M"));
    assert_true(pattern_matches(wall, "1${{ UNIT }}") && pattern_matches(pids, "${{ params.P }}"));
    assert_true(pattern_matches(workdir, "/w") && pattern_matches(workdir, "${{ DIR }}/w"));
    assert_false(pattern_matches(workdir, "w"));
    for (size_t i = 0; i < 2; i++) {
        json_t *forms = json_object_get(i == 0 ? fail_fast : leaks, "anyOf");

        assert_int_equal(json_array_size(forms), 2);
        assert_true(pattern_matches(json_array_get(forms, 1), "${{ F }}"));
        assert_false(pattern_matches(json_array_get(forms, 1), "maybe"));
    }
    json_decref(s);
}

static void test_limit_table(void **state)
{
    static const char *const report_keys[JOBS_LIMIT_COUNT] = {
        "cpu_cores",         "cpuset",       "cpu_time_seconds",
        "wall_seconds",      "instructions", "idle_seconds",
        "memory_bytes",      "swap_bytes",   "pids",
        "disk_bytes",        "inodes",       "output_bytes",
        "stdout_bytes",      "stderr_bytes", "file_size_bytes",
        "open_files",        "stack_bytes",  "address_space_bytes",
        "core_bytes",        "processes",    "cpu_time_kill_seconds",
        "wall_kill_seconds", "io_read_bps",  "io_write_bps",
        "io_read_iops",      "io_write_iops"};
    char buf[UNIT_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < JOBS_LIMIT_COUNT; i++)
        assert_string_equal(jobs_limit_table[i].report_key, report_keys[i]);
    assert_string_equal(jobs_limit_table[JOBS_LIMIT_FILE_SIZE].key, "file-size");
    assert_string_equal(jobs_limit_format(JOBS_LIMIT_CPU, 1500, buf), "1.5");
    assert_string_equal(jobs_limit_format(JOBS_LIMIT_WALL, 90 * NSEC_PER_SEC, buf), "1 min 30 s");
    assert_string_equal(jobs_limit_format(JOBS_LIMIT_MEMORY, 64 << 20, buf), "64 MiB");
    assert_string_equal(jobs_limit_format(JOBS_LIMIT_PIDS, 7, buf), "7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_names_every_key),
        cmocka_unit_test(test_references_lead_somewhere),
        cmocka_unit_test(test_documentation_has_every_table),
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_schema_has_the_bounds_of_limits),
        cmocka_unit_test(test_schema_allows_what_is_replaced),
        cmocka_unit_test(test_limit_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
