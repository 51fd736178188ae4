/* SPDX-License-Identifier: Apache-2.0 */
/* job_tests: which files hold the results of a job's own tests. Not responsible for what is in them
 * (ingest/). */
#include "jobs/load.h"

#include <string.h>

/* A glob in the job, absolute or relative to its workdir, without "." and empty components. */
static bool tests_pattern(struct loader *l, const struct node *n, const char *name,
                          const char **ret)
{
    char *path;

    if (!value_is_text(l, n, name, "a path or glob in the job"))
        return false;
    if (n->n >= 4096) {
        problem_at(l, n, "'%s' is longer than a path may be", name);
        return false;
    }
    path = arena_strndup(l->plan->arena, n->text, n->n);
    if (!path_normalise(path) || *path == '\0') {
        problem_at(l, n, "'%s' must name files beneath a directory, without '..': '%s'", name,
                   n->text);
        return false;
    }
    *ret = path;
    return true;
}

void key_set_tests_paths(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct jobs_tests *tests = object;
    const char **patterns;
    size_t n = 0;

    if (items_count(value) > LOAD_ITEMS_MAX) {
        problem_at(l, value, "'%s' has more than %d patterns", k->name, LOAD_ITEMS_MAX);
        return;
    }
    patterns = arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*patterns));
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        n += tests_pattern(l, item, k->name, &patterns[n]);
    tests->patterns = n != 0 ? patterns : NULL;
}

void key_set_tests(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    struct jobs_tests *tests = (struct jobs_tests *)(void *)((char *)object + k->offset);

    if (value->kind == NODE_MAP) { /* merges with that of defaults */
        (void)keys_apply(l, k->sub, value, tests);
        if (tests->patterns == NULL && d->name != NULL && node_child(value, "paths") == NULL &&
            !key_was_meant(k->sub, value, "paths"))
            problem_at(l, value, "'%s' has no 'paths'", k->name);
        return;
    }
    *tests = (struct jobs_tests){0};
    key_set_tests_paths(l, k, value, tests);
}

void key_set_tests_optional(struct loader *l, const struct key *k, const struct node *value,
                            void *object)
{
    (void)value_bool(l, value, k->name, &((struct jobs_tests *)object)->optional);
}
