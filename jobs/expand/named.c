/* SPDX-License-Identifier: Apache-2.0 */
/* named: see named.h. Not responsible for what becomes of their names and paths (matrix.c). */
#include "jobs/expand/named.h"

#define KEYS_MAX 16

/* Keys whose values the host would find, each once. */
struct named_keys {
    const char *list[KEYS_MAX];
    size_t n;
};

static bool is_found(const struct node *axis)
{
    return axis->kind == NODE_MAP && axis->n == 1 &&
           (str_eq(axis->first->key->text, "dirs") || str_eq(axis->first->key->text, "files"));
}

static void add_keys(struct named_keys *keys, const struct node *matrix)
{
    for (const struct node *v = matrix->first; v != NULL; v = v->next) {
        size_t i = 0;

        while (i < keys->n && !str_eq(keys->list[i], v->key->text))
            i++;
        if (is_found(v) && i == keys->n && i < KEYS_MAX)
            keys->list[keys->n++] = v->key->text;
    }
}

static void say_which(struct loader *l, const struct node *jobs, const struct named_keys *keys,
                      const char *by)
{
    cleanup_strbuf struct strbuf names = {0};

    for (size_t i = 0; i < keys->n; i++)
        strbuf_addf(&names, "%s'%s'", i > 0 ? ", " : "", keys->list[i]);
    if (keys->n == 0)
        problem_at(l, jobs->key,
                   "no job with `cases` has a key of a matrix that finds directories or files, in "
                   "whose place submissions can be named: give it one, such as `matrix: "
                   "{SUBMISSION: {dirs: \"submissions/*\"}}`");
    else if (by != NULL)
        problem_at(l, jobs->key, "'%s' is no key by which jobs with `cases` find submissions: %s",
                   by, names.data);
    else
        problem_at(l, jobs->key,
                   "jobs with `cases` find what they judge by several keys: say with --by KEY "
                   "which of %s the named submissions are",
                   names.data);
}

void named_find(struct loader *l, const struct node *jobs)
{
    const struct jobs_grading *g = load_grading(l);
    struct named_keys keys = {0};

    if (g == NULL || g->n_submissions == 0)
        return;
    for (const struct node *job = jobs->first; job != NULL; job = job->next) {
        const struct node *matrix = job->kind == NODE_MAP ? node_child(job, "matrix") : NULL;

        if (matrix != NULL && matrix->kind == NODE_MAP && node_child(job, "cases") != NULL)
            add_keys(&keys, matrix);
    }
    for (size_t i = 0; i < keys.n; i++)
        if (g->by != NULL ? str_eq(g->by, keys.list[i]) : keys.n == 1)
            l->named = keys.list[i];
    if (l->named == NULL)
        say_which(l, jobs, &keys, g->by);
}
