/* SPDX-License-Identifier: Apache-2.0 */
/* schema: the key table written for others to read: JSON Schema for editors, Markdown for the
 * documentation. Adds no rule of its own. What relates several keys (a root's one source, cycles of
 * needs) the schema cannot say. */
#include "jobs/load.h"

#include <jansson.h>

#define SIZE_PATTERN "^[0-9]+(\\.[0-9]+)?(B|[KMGT](B|iB)?)?$"
#define DURATION_WORDS "[0-9]+(\\.[0-9]+)?|([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h|d))+"
#define DURATION_PATTERN "^(" DURATION_WORDS ")$"
#define DURATION_OR_NONE_PATTERN "^(none|" DURATION_WORDS ")$"
#define OFFSET_PATTERN "^-?(" DURATION_WORDS ")$"
#define DECIMAL_PATTERN "^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?$"
#define CORES_PATTERN "^[0-9]+(\\.[0-9]+)?%?$"
#define POINTS_PATTERN "^[0-9]+(\\.[0-9]{1,3})?$"
#define CPUS_PATTERN "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$|^exclusive$"
#define NAME_PATTERN "^[A-Za-z0-9._-]+$"
/* of what job_name.c refuses, the usual controls alone: a pattern knows no Unicode */
#define JOB_NAME_PATTERN "^[^.\\x00-\\x1f\\x7f-\\x9f-][^\\x00-\\x1f\\x7f-\\x9f]*$"
#define TEMPLATE_PATTERN "^[^\\x00-\\x1f\\x7f-\\x9f]+$"
/* a name of an environment variable that is no key of `matrix` */
#define OTHERS_PATTERN "^(?!(include|exclude)$)[A-Za-z_][A-Za-z0-9_]*$"
#define ENV_NAME_PATTERN "^[A-Za-z_][A-Za-z0-9_]*$"
/* what is known only once it is replaced */
#define REPLACED_PATTERN "\\$\\{\\{"

static void schema_set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *types(const char *one, const char *other)
{
    json_t *list = json_array();

    (void)json_array_append_new(list, json_string(one));
    (void)json_array_append_new(list, json_string(other));
    return list;
}

/* Any text of a value may have "${{" in it. */
static void schema_set_pattern(json_t *object, const char *pattern)
{
    if (pattern != NULL)
        schema_set(object, "pattern", json_sprintf("%s|%s", pattern, REPLACED_PATTERN));
}

/* What is no text itself may become of one that is replaced. */
static json_t *or_replaced(json_t *s)
{
    return json_pack("{s:[o,{s:s,s:s}]}", "anyOf", s, "type", "string", "pattern",
                     REPLACED_PATTERN);
}

/* A scalar may be written as a YAML number or as a text; the pattern judges the text. */
static json_t *number_or_text(const char *number, const char *pattern)
{
    json_t *s = json_object();

    schema_set(s, "type", types(number, "string"));
    schema_set_pattern(s, pattern);
    return s;
}

/* Sizes, durations, cores and lists of CPUs: a number without a unit is `scale` of the model's
 * units. */
static json_t *quantity(const struct key *k, const char *number, const char *pattern,
                        uint64_t scale)
{
    json_t *s = number_or_text(number, pattern);

    schema_set(s, "minimum",
               scale == 1 ? json_integer((json_int_t)k->min)
                          : json_real((double)k->min / (double)scale));
    if (k->max != 0)
        schema_set(s, "maximum", json_integer((json_int_t)(k->max / scale)));
    return s;
}

static json_t *schema_text_of(const char *pattern)
{
    json_t *s = json_object();

    schema_set(s, "type", json_string("string"));
    schema_set_pattern(s, pattern);
    return s;
}

static json_t *integer_schema(const struct key *k)
{
    json_t *s = number_or_text("integer", "^[0-9]+$");

    schema_set(s, "minimum", json_integer((json_int_t)k->min));
    if (k->max != 0)
        schema_set(s, "maximum", json_integer((json_int_t)k->max));
    return s;
}

/* Describes a set of CPUs: a number is a CPU, not how many. */
static json_t *cpus_schema(void)
{
    json_t *s = number_or_text("integer", CPUS_PATTERN);

    schema_set(s, "minimum", json_integer(0));
    schema_set(s, "maximum", json_integer(JOBS_CPUS_MAX - 1));
    return s;
}

static json_t *choice_schema(const struct key *k)
{
    json_t *s = json_object(), *names = json_array();

    for (const struct choice *c = k->choices; c->name != NULL; c++)
        if (c->supported)
            (void)json_array_append_new(names, json_string(c->name));
    schema_set(s, "enum", names);
    return or_replaced(s);
}

static json_t *decimal_schema(void)
{
    json_t *s = number_or_text("number", DECIMAL_PATTERN);

    schema_set(s, "minimum", json_integer(0));
    return s;
}

static json_t *offset_schema(const struct key *k)
{
    json_t *s = number_or_text("number", OFFSET_PATTERN);
    json_int_t most = (json_int_t)(k->max / NSEC_PER_SEC);

    schema_set(s, "minimum", json_integer(-most));
    schema_set(s, "maximum", json_integer(most));
    return s;
}

static json_t *scalar_schema(const struct key *k)
{
    switch (k->type) {
    case TYPE_TEXT:
        return number_or_text("number", NULL);
    case TYPE_NAME:
        return number_or_text("number", NAME_PATTERN);
    case TYPE_JOB_NAME:
        return number_or_text("number", JOB_NAME_PATTERN);
    case TYPE_TEMPLATE:
        return number_or_text("number", TEMPLATE_PATTERN);
    case TYPE_ENV_NAME:
        return schema_text_of(ENV_NAME_PATTERN);
    case TYPE_PATH:
        return schema_text_of("^/");
    case TYPE_HOST_PATH:
        return number_or_text("number", "^.");
    case TYPE_INTEGER:
        return integer_schema(k);
    case TYPE_SIZE:
        return quantity(k, "integer", SIZE_PATTERN, 1);
    case TYPE_DURATION:
        return quantity(k, "number", DURATION_PATTERN, NSEC_PER_SEC);
    case TYPE_DURATION_OR_NONE:
        return quantity(k, "number", DURATION_OR_NONE_PATTERN, NSEC_PER_SEC);
    case TYPE_OFFSET:
        return offset_schema(k);
    case TYPE_CORES:
        return quantity(k, "number", CORES_PATTERN, 1000);
    case TYPE_DECIMAL:
        return decimal_schema();
    case TYPE_CPUS:
        return cpus_schema();
    case TYPE_CHOICE:
        return choice_schema(k);
    case TYPE_PARAM:
        return json_pack("{s:[s,s,s]}", "type", "number", "string", "null");
    case TYPE_POINTS:
        return quantity(k, "number", POINTS_PATTERN, 1000);
    case TYPE_BOOL:
        return or_replaced(json_pack("{s:s}", "type", "boolean"));
    }
    return json_object();
}

static json_t *reference(const struct key_table *table)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", table->id));
}

static json_t *list_of(json_t *items)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *map_of(json_t *values, const char *name_pattern)
{
    return json_pack("{s:s, s:{s:s}, s:o}", "type", "object", "propertyNames", "pattern",
                     name_pattern, "additionalProperties", values);
}

static json_t *value_schema(const struct key *k)
{
    json_t *forms = json_array(), *s;

    if ((k->forms & FORM_ONE) != 0)
        (void)json_array_append_new(forms, scalar_schema(k));
    if ((k->forms & (FORM_LIST | FORM_OBJECTS)) == (FORM_LIST | FORM_OBJECTS) && k->set != NULL)
        (void)json_array_append_new(
            forms, list_of(json_pack("{s:[o,o]}", "anyOf", scalar_schema(k), reference(k->sub))));
    else if ((k->forms & FORM_LIST) != 0)
        (void)json_array_append_new(forms, list_of(scalar_schema(k)));
    if ((k->forms & FORM_MAP) != 0)
        (void)json_array_append_new(
            forms, map_of(scalar_schema(k), k->type == TYPE_HOST_PATH ? "^." : ENV_NAME_PATTERN));
    if ((k->forms & FORM_MAPS) != 0)
        (void)json_array_append_new(forms, list_of(map_of(scalar_schema(k), ENV_NAME_PATTERN)));
    if ((k->forms & FORM_OBJECT) != 0)
        (void)json_array_append_new(forms, reference(k->sub));
    if ((k->forms & FORM_NAMED) != 0)
        (void)json_array_append_new(
            forms, map_of(reference(k->sub), k->type == TYPE_JOB_NAME   ? JOB_NAME_PATTERN
                                             : k->type == TYPE_TEMPLATE ? TEMPLATE_PATTERN
                                                                        : NAME_PATTERN));
    if (json_array_size(forms) == 1) {
        s = json_incref(json_array_get(forms, 0));
        json_decref(forms);
        return s;
    }
    return json_pack("{s:o}", "anyOf", forms);
}

static json_t *key_schema(const struct key *k)
{
    json_t *s = value_schema(k);
    cleanup_free char *text =
        xasprintf("%s%s%s%s", k->help, k->fallback != NULL ? " (default: " : "",
                  k->fallback != NULL ? k->fallback : "", k->fallback != NULL ? ")" : "");

    schema_set(s, "description", json_string(text));
    return s;
}

static json_t *table_schema(const struct key_table *table)
{
    json_t *properties = json_object(), *required = json_array(), *s;

    for (size_t i = 0; i < table->n; i++) {
        schema_set(properties, table->keys[i].name, key_schema(&table->keys[i]));
        if (table->keys[i].required)
            (void)json_array_append_new(required, json_string(table->keys[i].name));
    }
    s = json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0, "properties",
                  properties, "required", required);
    if (table->free_names)
        schema_set(s, "patternProperties", json_pack("{s:{}}", "^x-"));
    if (table->others != NULL)
        schema_set(s, "patternProperties",
                   json_pack("{s:o}",
                             table->others->type == TYPE_INTEGER ? NAME_PATTERN : OTHERS_PATTERN,
                             key_schema(table->others)));
    return s;
}

char *jobs_schema(void)
{
    json_t *definitions = json_object(), *schema = table_schema(&keys_file);
    cleanup_free char *text = NULL;

    for (size_t i = 0; keys_all[i] != NULL; i++)
        if (keys_all[i] != &keys_file)
            schema_set(definitions, keys_all[i]->id, table_schema(keys_all[i]));
    schema_set(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    schema_set(schema, "title", json_string("cupel job file"));
    schema_set(schema, "$defs", definitions);
    text = json_dumps(schema, JSON_INDENT(2));
    json_decref(schema);
    return xasprintf("%s\n", text);
}

char *jobs_markdown(void)
{
    struct strbuf out = {0};

    for (size_t i = 0; keys_all[i] != NULL; i++) {
        strbuf_addf(&out, "%s### %s\n\n", i > 0 ? "\n" : "", keys_all[i]->title);
        keys_markdown(keys_all[i], &out);
    }
    return out.data;
}
