/* SPDX-License-Identifier: Apache-2.0 */
/* job_compare: how what a step wrote is to be compared: `compare` and what goes with it. Compares
 * nothing. */
#include "base/decimal.h"
#include "jobs/load.h"

#include <string.h>

void key_set_compare(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_expect *e = object;
    size_t index;

    if (!value_choice(l, value, k, &index))
        return;
    e->compare.how = (enum jobs_compare_how)(JOBS_COMPARE_EXACT + index);
    if (e->compare.how != JOBS_COMPARE_NUMBERS) /* what `defaults` gave goes with numbers */
        e->compare.absolute = e->compare.relative = 0;
}

void key_set_decimal(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    long double v;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (!decimal_parse(value->text, value->n, &v) || v < 0)
        (void)value_unexpected(l, value, k->name, k->value);
    else
        *(double *)((char *)object + k->offset) = (double)v;
}

void key_set_tolerance(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct jobs_expect *e = object;

    e->compare.absolute = e->compare.relative = 0; /* what `defaults` gave is replaced */
    (void)keys_apply(l, k->sub, value, &e->compare);
    if (value->kind == NODE_MAP && value->n == 0)
        problem_at(l, value, "'%s' is empty", k->name);
}

void compare_check(struct loader *l, const struct node *map, const struct jobs_expect *e)
{
    const struct node *tolerance = node_child(map, "tolerance");
    const struct node *compare = node_child(map, "compare");
    bool is_told =
        compare != NULL && (compare->kind != NODE_SCALAR || e->compare.how == JOBS_COMPARE_DEFAULT);

    if (tolerance != NULL && e->compare.how != JOBS_COMPARE_NUMBERS && !is_told)
        problem_at(l, tolerance->key, "'tolerance' goes with 'compare: numbers' only");
}

bool compare_drops(const struct node *compare, const char *key)
{
    return str_eq(key, "tolerance") && compare != NULL && compare->kind == NODE_SCALAR &&
           !str_eq(compare->text, "numbers");
}

/* ---- files of the job's ---- */

/* A path in the job, absolute or relative to its workdir; NULL after a problem. */
static const char *left_path(struct loader *l, const struct node *at, const char *key)
{
    char *path = arena_strndup(l->plan->arena, at->text, at->n);

    if (at->n > 0 && at->n < 4096 && strlen(path) == at->n && path_normalise(path) &&
        !str_eq(path, "") && !str_eq(path, "/"))
        return path;
    problem_at(l, at, "'%s' must name a file in the job, without '..'", key);
    return NULL;
}

void key_set_output(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    const char *path =
        value_is_text(l, value, k->name, k->value) ? left_path(l, value, k->name) : NULL;

    if (path != NULL)
        ((struct draft *)object)->job.output = path;
}

void key_set_expected_files(struct loader *l, const struct key *k, const struct node *value,
                            void *object)
{
    struct jobs_expect *e = object;
    struct jobs_expected_file *files;
    size_t n = 0;

    if (value->n > JOBS_EXPECTED_FILES_MAX) {
        problem_at(l, value, "'%s' has more than %d files", k->name, JOBS_EXPECTED_FILES_MAX);
        return;
    }
    files = arena_alloc(l->plan->arena, (value->n + 1) * sizeof(*files));
    for (const struct node *v = value->first; v != NULL; v = v->next) {
        files[n].path = left_path(l, v->key, k->name);
        if (files[n].path != NULL && value_named_path(l, v, k->name, &files[n].host) &&
            value_host_path_exists(l, v, k->name, false, &files[n].host))
            n++;
    }
    e->files = files;
    e->n_files = n;
}

struct jobs_host_path *jobs_expect_path(struct jobs_expect *e, size_t i)
{
    struct jobs_host_path *const paths[] = {&e->stdout_file, &e->stderr_file};

    if (i >= ARRAY_SIZE(paths))
        return i - ARRAY_SIZE(paths) < e->n_files ? &e->files[i - ARRAY_SIZE(paths)].host : NULL;
    return paths[i];
}
