/* SPDX-License-Identifier: Apache-2.0 */
/* record_table: what a line of results.jsonl has, as tables: each field is declared once, and the
 * writer, the JSON Schema and the tables of docs/results.md read it. Private to reports/. */
#pragma once

#include "base/base.h"

#include <jansson.h>

enum record_kind {
    RECORD_TEXT,
    RECORD_WORD, /* a text that is one of `word` */
    RECORD_TIME, /* a text: ISO 8601 in UTC */
    RECORD_INTEGER,
    RECORD_NUMBER,
    RECORD_TRUE,  /* absent where it does not hold */
    RECORD_TEXTS, /* arrays */
    RECORD_INTEGERS,
    RECORD_NUMBERS,
    RECORD_OBJECT,  /* of `sub` */
    RECORD_OBJECTS, /* an array of these */
    RECORD_MAP,     /* an object of numbers and texts whose names are somebody else's */
    RECORD_KIND_COUNT,
};

/* A table that says several objects, which have some of its fields in common, gives each a bit. */
struct record_variant {
    const char *id; /* in the schema and, of several, in docs/results.md */
    unsigned bit;
};
#define RECORD_ONLY 1u /* of a table that says one object */

struct record_table;
struct record_field {
    const char *name;
    enum record_kind kind;
    unsigned where;   /* of a table with several variants: in which; else 0 */
    unsigned always;  /* in which of them it is never absent; of one: RECORD_ONLY, or 0 */
    const char *text; /* for docs/results.md */
    /* Returns what an object of `of` has there; NULL: that is not known, and it is absent. */
    json_t *(*value)(const void *of, const struct record_field *f);
    const struct record_table *sub;
    unsigned sub_variant;          /* 0: its only one */
    const char *(*word)(size_t i); /* of RECORD_WORD: all of them, and then NULL */
    size_t arg;                    /* for `value` */
};
struct record_table {
    const char *title; /* in docs/results.md */
    const struct record_field *fields;
    size_t n;
    const struct record_variant *variants;
    size_t n_variants;
};

#define RECORD_FIELD(name_, kind_, ...)                                                            \
    {                                                                                              \
        .name = (name_), .kind = RECORD_##kind_, __VA_ARGS__                                       \
    }
/* Of a field that is a text, or a list of them, as the structure has it. */
#define RECORD_AT(type, member) .value = record_at, .arg = offsetof(type, member)
/* Defines record_ID, which says one object. */
#define RECORD_TABLE(id_, title_, fields_)                                                         \
    static const struct record_variant id_##_variants[] = {{#id_, RECORD_ONLY}};                   \
    const struct record_table record_##id_ = {.title = (title_),                                   \
                                              .fields = (fields_),                                 \
                                              .n = ARRAY_SIZE(fields_),                            \
                                              .variants = id_##_variants,                          \
                                              .n_variants = 1}

/* Makes the object of `of`, in that variant. */
json_t *record_object(const struct record_table *table, const void *of, unsigned variant);
/* What a field's `value` may be made of: a text of any bytes (NULL or "": NULL), a list of them, a
 * number that is kept in parts, a moment (of no seconds: NULL), true (or NULL). */
json_t *record_json_text(const char *text);
json_t *record_at(const void *of, const struct record_field *f);
json_t *record_json_texts(const char *const *list);
json_t *record_json_number(uint64_t value, uint64_t scale);
/* Thousandths as points; UINT64_MAX: NULL. */
json_t *record_json_points(uint64_t points);
json_t *record_json_time(const struct timespec *t);
json_t *record_json_true(bool holds);
/* An array of objects of a table: `n` of them, `size` bytes apart; NULL: there are none. */
json_t *record_json_objects(const struct record_table *table, const void *list, size_t n,
                            size_t size);
