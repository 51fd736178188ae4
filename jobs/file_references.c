/* SPDX-License-Identifier: Apache-2.0 */
/* file_references: the solutions of the file's own (`reference`), and what they have to come to.
 * Not responsible for running them (harness/grade/). */
#include "jobs/load.h"

#include <stdlib.h>

#define END(end) (UINT32_C(1) << (end))
#define ALL_ENDS ((UINT32_C(1) << JOBS_END_COUNT) - 1)

/* What each key of keys_reference promises, in the order of that table. */
static const struct {
    const char *word;
    uint32_t promised;
} promises[] = {
    {"accepted", JOBS_PROMISE_PASSED},
    {"rejected", ALL_ENDS},
    {"wrong-answer", END(JOBS_END_FAILED)},
    {"run-time-error", END(JOBS_END_FAILED) | END(JOBS_END_SIGNALED)},
    {"time-limit", END(JOBS_END_TIMEOUT) | END(JOBS_END_CPU_LIMIT)},
};

static uint32_t promised_by(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(promises); i++)
        if (str_eq(promises[i].word, word))
            return promises[i].promised;
    for (enum jobs_bad_end end = 0; end < JOBS_END_COUNT; end++)
        if (str_eq(jobs_bad_end_name(end), word))
            return END(end);
    return 0;
}

/* Returns the last component of a path, or all of it where that says nothing. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Whether a path leads up again: then it is no place below a directory by its beginning. */
static bool leads_up(const char *path)
{
    return str_eq(path, "..") || str_starts(path, "../") || strstr(path, "/../") != NULL ||
           (strlen(path) > 3 && str_eq(path + strlen(path) - 3, "/.."));
}

/* Returns the path in the form of one that a matrix has found, or NULL after a problem. */
static const char *reference_path(struct loader *l, const struct node *item, const char *key)
{
    cleanup_free char *real = NULL;
    const char *whole;
    char *path;

    if (!value_host_path(l, item, key, true, &whole))
        return NULL;
    if (item->text[0] != '/' && !leads_up(item->text)) {
        path = arena_strdup(l->plan->arena, item->text);
        if (path_normalise(path) && *path != '\0')
            return path;
    }
    real = leads_up(whole) ? realpath(whole, NULL) : NULL;
    return real != NULL ? arena_strdup(l->plan->arena, real) : whole;
}

static void add_reference(struct loader *l, const struct node *item, const struct key *k)
{
    struct jobs_plan *plan = l->plan;
    const char *path = reference_path(l, item, k->name);

    if (path == NULL)
        return;
    if (plan->n_references == JOBS_REFERENCES_MAX) {
        problem_at(l, item, "'reference' names more than %d solutions", JOBS_REFERENCES_MAX);
        return;
    }
    for (size_t i = 0; i < plan->n_references; i++)
        if (str_eq(plan->references[i].submission.path, path)) {
            problem_at(l, item, "'reference' names '%s' twice; the first on line %d", item->text,
                       plan->references[i].line);
            return;
        }
    if (plan->references == NULL)
        plan->references =
            arena_alloc(plan->arena, JOBS_REFERENCES_MAX * sizeof(*plan->references));
    plan->references[plan->n_references++] =
        (struct jobs_reference){.submission = {.id = name_of(path), .path = path},
                                .word = k->name,
                                .promised = promised_by(k->name),
                                .line = source_line_of(&l->source, item->place)};
}

void key_set_reference(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    (void)object;
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        add_reference(l, item, k);
}

/* Calls solutions of the same name by their paths. */
static void tell_apart(struct jobs_plan *plan)
{
    _cleanup_(strset_free) struct strset seen = {0}, shared = {0};

    for (size_t i = 0; i < plan->n_references; i++)
        if (!strset_add(&seen, plan->references[i].submission.id))
            (void)strset_add(&shared, plan->references[i].submission.id);
    for (size_t i = 0; i < plan->n_references; i++) {
        struct jobs_submission *s = &plan->references[i].submission;

        if (strset_has(&shared, s->id))
            s->id = s->path;
    }
}

void references_read(struct loader *l, const struct node *map)
{
    if (load_is_for_students(l))
        return; /* whoever grades at home has none of them */
    if (!keys_apply(l, &keys_reference, map, NULL))
        (void)value_unexpected(l, map, "reference", "a map such as {accepted: solutions/sum.c}");
    tell_apart(l->plan);
}
