/* SPDX-License-Identifier: Apache-2.0 */
/* class_columns: which groups and cases a table has, and which column of it each is. Private to
 * reports/class/. */
#pragma once

#include "reports/class/class.h"

/* A column for each name, in the order in which the submissions have them. */
struct class_axis {
    const char **names;
    size_t n, room;
    size_t *by_name; /* the columns in the order of their names */
    const void **at; /* of a submission: what stands in each column, or NULL */
};
struct class_columns {
    struct class_axis groups, cases;
};

void class_columns_make(const struct class_table *t, struct class_columns *ret);
void class_columns_free(struct class_columns *c);
/* Fills `groups.at` with a submission's groups (struct class_group), `cases.at` with its cases
 * (struct class_case). */
void class_columns_groups(const struct class_columns *c, const struct class_submission *s);
void class_columns_cases(const struct class_columns *c, const struct class_submission *s);
