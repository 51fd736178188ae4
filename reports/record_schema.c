/* SPDX-License-Identifier: Apache-2.0 */
/* record_schema: the tables of results.jsonl written for others to read: JSON Schema for programs,
 * Markdown for docs/results.md. Adds no rule of its own. */
#include "reports/json_build.h"
#include "reports/record_job.h"
#include "reports/record_parts.h"
#include "reports/record_run.h"
#include "reports/reports.h"

#include <string.h>

#define TIME_PATTERN "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$"
#define WORDS_SHOWN_MAX 4 /* in a cell */

/* In the order of docs/results.md. */
static const struct record_table *const tables[] = {
    &record_run,    &record_run_file, &record_run_root, &record_job,      &record_submission,
    &record_group,  &record_artifact, &record_usage,    &record_timeline, &record_cache,
    &record_cached, &record_tests,    &record_test,     &record_leak,     &record_logs,
};
/* Those variants that are lines. */
static const char *const lines[] = {"run", "job", "step", "submission"};

static const struct {
    const char *type;  /* in the schema: of it, or of what it is an array of */
    const char *words; /* in Markdown */
    bool array;
} kinds[RECORD_KIND_COUNT] = {
    [RECORD_TEXT] = {"string", "string", false},
    [RECORD_WORD] = {NULL, "string", false},
    [RECORD_TIME] = {NULL, "string", false},
    [RECORD_INTEGER] = {"integer", "integer", false},
    [RECORD_NUMBER] = {"number", "number", false},
    [RECORD_TRUE] = {NULL, "`true`", false},
    [RECORD_TEXTS] = {"string", "array of strings", true},
    [RECORD_INTEGERS] = {"integer", "array of integers", true},
    [RECORD_NUMBERS] = {"number", "array of numbers", true},
    [RECORD_OBJECT] = {NULL, "object", false},
    [RECORD_OBJECTS] = {NULL, "array of objects", true},
    [RECORD_MAP] = {NULL, "object", false},
};

/* ---- JSON Schema ---- */

static const char *variant_name(const struct record_table *table, unsigned bit)
{
    for (size_t i = 0; i < table->n_variants; i++)
        if (bit == 0 || table->variants[i].bit == bit)
            return table->variants[i].id;
    return "";
}

static json_t *schema_words(const struct record_field *f)
{
    json_t *list = build_checked(json_array());

    for (size_t i = 0; f->word(i) != NULL; i++)
        build_append(list, json_string(f->word(i)));
    return json_pack("{s:o}", "enum", list);
}

/* Returns the schema of what a field has; of an array, of what is in it. */
static json_t *schema_item(const struct record_field *f)
{
    switch (f->kind) {
    case RECORD_WORD:
        return schema_words(f);
    case RECORD_TIME:
        return json_pack("{s:s, s:s}", "type", "string", "pattern", TIME_PATTERN);
    case RECORD_TRUE:
        return json_pack("{s:b}", "const", 1);
    case RECORD_OBJECT:
    case RECORD_OBJECTS:
        return json_pack("{s:o}", "$ref",
                         json_sprintf("#/$defs/%s", variant_name(f->sub, f->sub_variant)));
    case RECORD_MAP:
        return json_pack("{s:s, s:{s:[s,s]}}", "type", "object", "additionalProperties", "type",
                         "number", "string");
    default:
        return json_pack("{s:s}", "type", kinds[f->kind].type);
    }
}

static json_t *schema_field(const struct record_field *f)
{
    json_t *s = build_checked(schema_item(f));

    if (kinds[f->kind].array)
        s = build_checked(json_pack("{s:s, s:o}", "type", "array", "items", s));
    build_put(s, "description", json_string(f->text));
    return s;
}

static json_t *schema_object(const struct record_table *table, unsigned bit)
{
    json_t *properties = build_checked(json_object()), *required = build_checked(json_array());

    for (size_t i = 0; i < table->n; i++) {
        const struct record_field *f = &table->fields[i];

        if (f->where != 0 && (f->where & bit) == 0)
            continue;
        build_put(properties, f->name, schema_field(f));
        if ((f->always & bit) != 0)
            build_append(required, json_string(f->name));
    }
    return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0,
                     "properties", properties, "required", required);
}

char *reports_schema(void)
{
    json_t *definitions = build_checked(json_object()), *any = build_checked(json_array()), *schema;
    cleanup_free char *text = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (size_t v = 0; v < tables[i]->n_variants; v++)
            build_put(definitions, tables[i]->variants[v].id,
                      schema_object(tables[i], tables[i]->variants[v].bit));
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        build_append(any, json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", lines[i])));
    schema = build_checked(
        json_pack("{s:s, s:s, s:o, s:o}", "$schema", "https://json-schema.org/draft/2020-12/schema",
                  "title", "a line of cupel's results.jsonl", "oneOf", any, "$defs", definitions));
    text = json_dumps(schema, JSON_INDENT(2));
    json_decref(schema);
    return xasprintf("%s\n", text != NULL ? text : "");
}

/* ---- Markdown ---- */

static void markdown_type(const struct record_field *f, struct strbuf *out)
{
    size_t n = 0;

    while (f->kind == RECORD_WORD && f->word(n) != NULL)
        n++;
    if (n == 0 || n > WORDS_SHOWN_MAX)
        strbuf_adds(out, kinds[f->kind].words);
    else
        for (size_t i = 0; i < n; i++)
            strbuf_addf(out, "%s`%s`", i > 0 ? ", " : "", f->word(i));
}

/* Names the variants that have a field, where the table says several. */
static void markdown_where(const struct record_table *table, const struct record_field *f,
                           struct strbuf *out)
{
    const char *comma = " | ";

    for (size_t i = 0; table->n_variants > 1 && i < table->n_variants; i++)
        if ((f->where & table->variants[i].bit) != 0) {
            strbuf_addf(out, "%s%s", comma, table->variants[i].id);
            comma = ", ";
        }
}

static void record_markdown(const struct record_table *table, struct strbuf *out)
{
    bool several = table->n_variants > 1;

    strbuf_addf(out, "| field | type |%s meaning |\n|---|---|%s---|\n", several ? " in |" : "",
                several ? "---|" : "");
    for (size_t i = 0; i < table->n; i++) {
        const struct record_field *f = &table->fields[i];

        strbuf_addf(out, "| `%s` | ", f->name);
        markdown_type(f, out);
        markdown_where(table, f, out);
        strbuf_addf(out, " | %s |\n", f->text);
    }
}

size_t reports_schema_tables(void)
{
    return ARRAY_SIZE(tables);
}

char *reports_schema_table(size_t i)
{
    struct strbuf out = {0};

    strbuf_addf(&out, "### %s\n\n", tables[i]->title);
    record_markdown(tables[i], &out);
    return out.data;
}
