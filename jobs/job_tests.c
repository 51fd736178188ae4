/* SPDX-License-Identifier: Apache-2.0 */
/* job_tests: which files hold the results of a job's own tests. Not responsible for what is in them
 * (ingest/). And what says how much those tests have covered. */
#include "jobs/load.h"

#include <ctype.h>
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

/* ---- coverage ---- */

/* What of a pattern means something else in POSIX, or nothing: NULL where all of it is known. */
static const char *pattern_unknown(const char *p)
{
    if (p[0] == '(' && p[1] == '?')
        return "groups that begin with '(?' are not known in POSIX: write '('";
    if (strchr("*+?}", p[0]) != NULL && p[1] == '?')
        return "repetition is never lazy in POSIX: leave the '?' out, and say what may stand there";
    return NULL;
}

/* Turns a pattern as GitLab has it ("/TOTAL.*(\d+)%/") into a POSIX one; NULL: it cannot be, and
 * *ret_why says why. */
static const char *pattern_translate(struct arena *arena, const char *text, size_t n,
                                     const char **ret_why)
{
    cleanup_strbuf struct strbuf b = {0};
    bool in_brackets = false;

    if (n >= 2 && text[0] == '/' && text[n - 1] == '/') {
        text++;
        n -= 2;
    }
    strbuf_add(&b, "", 0);
    for (size_t i = 0; i < n; i++) {
        *ret_why = in_brackets || i + 1 >= n ? NULL : pattern_unknown(text + i);
        if (*ret_why != NULL)
            return NULL;
        if (text[i] == '[' || text[i] == ']')
            in_brackets = text[i] == '[';
        if (text[i] != '\\' || i + 1 == n) {
            strbuf_add(&b, text + i, 1);
            continue;
        }
        i++;
        if (text[i] == 'd')
            strbuf_adds(&b, in_brackets ? "0-9" : "[0-9]");
        else if (in_brackets)
            strbuf_addf(&b, text[i] == 's' ? " \t" : "%c", text[i]);
        else if (isalnum((unsigned char)text[i]) && strchr("swSWbB", text[i]) == NULL) {
            *ret_why = "of letters and digits, only d, s, S, w, W, b and B may stand behind a '\\'";
            return NULL;
        } else if (isalnum((unsigned char)text[i]) || strchr(".[](){}*+?|^$\\", text[i]) != NULL) {
            strbuf_add(&b, text + i - 1, 2);
        } else {
            strbuf_add(&b, text + i, 1); /* "\%" and "\/" are themselves */
        }
    }
    return arena_strdup(arena, b.data);
}

const char *coverage_pattern(struct arena *arena, const char *text, size_t n, const char **ret_why)
{
    const char *pattern = pattern_translate(arena, text, n, ret_why);

    if (pattern != NULL)
        *ret_why = pattern_refused(arena, pattern);
    return pattern != NULL && *ret_why == NULL ? pattern : NULL;
}

void key_set_coverage(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    struct jobs_coverage coverage = {0};
    const char *why = NULL;

    if (value->kind == NODE_MAP) {
        if (keys_apply(l, k->sub, value, &coverage))
            d->job.coverage = coverage;
        return;
    }
    if (!value_is_text(l, value, k->name, "a regular expression, or a map"))
        return;
    coverage.pattern = coverage_pattern(l->plan->arena, value->text, value->n, &why);
    if (coverage.pattern == NULL) {
        problem_at(l, value, "'%s': %s", k->name, why);
        return;
    }
    d->job.coverage = coverage;
}

void key_set_cobertura(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct jobs_coverage *coverage = object;
    const char **list = arena_alloc(l->plan->arena, 2 * sizeof(*list));

    if (tests_pattern(l, value, k->name, &list[0]))
        coverage->cobertura = list;
}
