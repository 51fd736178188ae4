/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_record_schema: the tables of results.jsonl agree with each other, with the figures'
 * enum, and with docs/results.md. */
#include "test_reports.h"

#include <jansson.h>

static void test_documentation_has_every_table(void **state)
{
    cleanup_free char *text = NULL;
    size_t len;

    (void)state;
    assert_int_equal(file_read_at(AT_FDCWD, "../../docs/results.md", 1 << 20, &text, &len), 0);
    for (size_t i = 0; i < reports_schema_tables(); i++) {
        cleanup_free char *table = reports_schema_table(i);

        if (strstr(text, table) == NULL)
            fail_msg("docs/results.md lacks this table (`cupel schema results --markdown` prints "
                     "all):\n%s",
                     table);
    }
}

/* Every reference leads somewhere, and every line says what it is about. */
static void test_schema_hangs_together(void **state)
{
    cleanup_free char *text = reports_schema();
    json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *line;
    json_t *definitions = json_object_get(schema, "$defs");
    size_t i, n = 0;

    (void)state;
    assert_non_null(schema);
    for (const char *p = text; (p = strstr(p, "\"#/$defs/")) != NULL; n++) {
        cleanup_free char *name = NULL;

        p += strlen("\"#/$defs/");
        name = strndup(p, strcspn(p, "\""));
        assert_non_null(json_object_get(definitions, name));
    }
    assert_true(n > 8);
    json_array_foreach(json_object_get(schema, "oneOf"), i, line)
    {
        const char *name = json_string_value(json_object_get(line, "$ref")) + strlen("#/$defs/");
        json_t *properties = json_object_get(json_object_get(definitions, name), "properties");
        json_t *types = json_object_get(json_object_get(properties, "type"), "enum");

        assert_int_equal(json_array_size(types), 1);
        assert_string_equal(json_string_value(json_array_get(types, 0)), name);
    }
    assert_int_equal(i, 4);
    json_decref(schema);
}

/* The table of figures has each of the enum's, in its order. */
static void test_figures(void **state)
{
    cleanup_free char *text = reports_schema();
    json_t *schema = json_loads(text, 0, NULL), *usage, *value;
    const char *name;
    enum reports_figure f = 0;

    (void)state;
    usage =
        json_object_get(json_object_get(json_object_get(schema, "$defs"), "usage"), "properties");
    json_object_foreach(usage, name, value)
    {
        assert_string_equal(name, reports_figure_name(f));
        assert_string_equal(json_string_value(json_object_get(value, "type")),
                            reports_figure_is_seconds(f) ? "number" : "integer");
        f++;
    }
    assert_int_equal(f, REPORTS_FIGURE_COUNT);
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documentation_has_every_table),
        cmocka_unit_test(test_schema_hangs_together),
        cmocka_unit_test(test_figures),
    };

    return cmocka_run_group_tests_name("reports_record_schema", tests, NULL, NULL);
}
