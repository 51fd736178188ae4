/* SPDX-License-Identifier: Apache-2.0 */
/* class_columns: see class_columns.h. As a rule all submissions have the same cases in the same
 * order, so that nothing has to be looked for. Not responsible for what a column says. */
#include "reports/class/class_columns.h"

#include <string.h>

static void axis_add(struct class_axis *a, struct strset *seen, const char *name)
{
    if (!strset_add(seen, name))
        return;
    if (a->n == a->room) {
        a->room = 2 * a->room + 64;
        a->names = xrealloc(a->names, a->room * sizeof(*a->names));
    }
    a->names[a->n++] = name;
}

static int compare_columns(const void *a, const void *b, void *names)
{
    const char *const *of = names;

    return strcmp(of[*(const size_t *)a], of[*(const size_t *)b]);
}

static void axis_finish(struct class_axis *a)
{
    a->by_name = xcalloc(a->n + 1, sizeof(*a->by_name));
    a->at = xcalloc(a->n + 1, sizeof(*a->at));
    for (size_t i = 0; i < a->n; i++)
        a->by_name[i] = i;
    if (a->n > 0)
        qsort_r(a->by_name, a->n, sizeof(*a->by_name), compare_columns, a->names);
}

/* Returns the column of a name; `likely`: which it is in all probability. */
static size_t axis_find(const struct class_axis *a, const char *name, size_t likely)
{
    size_t low = 0, high = a->n;

    if (likely < a->n && str_eq(a->names[likely], name))
        return likely;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = strcmp(name, a->names[a->by_name[middle]]);

        if (r == 0)
            return a->by_name[middle];
        if (r < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0; /* it has no column: of no submission that was there when they were made */
}

static void axis_clear(const struct class_axis *a)
{
    memset(a->at, 0, a->n * sizeof(*a->at));
}

static void axis_free(struct class_axis *a)
{
    free(a->names);
    free(a->by_name);
    free(a->at);
}

void class_columns_make(const struct class_table *t, struct class_columns *ret)
{
    struct strset groups = {0}, cases = {0};

    *ret = (struct class_columns){0};
    for (size_t i = 0; i < t->n; i++) {
        const struct class_submission *s = &t->submissions[i];

        for (size_t g = 0; g < s->n_groups; g++)
            axis_add(&ret->groups, &groups, s->groups[g].name);
        for (size_t c = 0; c < s->n_cases; c++)
            axis_add(&ret->cases, &cases, s->cases[c].name);
    }
    axis_finish(&ret->groups);
    axis_finish(&ret->cases);
    strset_free(&groups);
    strset_free(&cases);
}

void class_columns_free(struct class_columns *c)
{
    axis_free(&c->groups);
    axis_free(&c->cases);
}

void class_columns_groups(const struct class_columns *c, const struct class_submission *s)
{
    axis_clear(&c->groups);
    for (size_t i = 0; i < s->n_groups; i++)
        c->groups.at[axis_find(&c->groups, s->groups[i].name, i)] = &s->groups[i];
}

void class_columns_cases(const struct class_columns *c, const struct class_submission *s)
{
    axis_clear(&c->cases);
    for (size_t i = 0; i < s->n_cases; i++)
        c->cases.at[axis_find(&c->cases, s->cases[i].name, i)] = &s->cases[i];
}
