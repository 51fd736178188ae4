/* SPDX-License-Identifier: Apache-2.0 */
/* globs: lists of patterns of paths in a job: their form, and what their braces stand for. Not
 * responsible for matching them. */
#include "jobs/load.h"

#define PATTERN_MAX 4096
/* Of a list that stands for many patterns, so many bytes are charged as one value. */
#define BYTES_A_VALUE 64

/* ---- braces ---- */

/* The first brace that stands for several texts, and the one that closes it; or NULL. Looks at each
 * character once, however many braces are open. */
static const char *first_group(const char *text, const char **ret_end)
{
    struct {
        const char *at;
        bool comma;
    } open[PATTERN_MAX];
    const char *first = NULL;
    size_t depth = 0;

    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\\' && p[1] != '\0') {
            p++;
        } else if (*p == '{' && depth < PATTERN_MAX) {
            open[depth].at = p;
            open[depth++].comma = false;
        } else if (*p == ',' && depth > 0) {
            open[depth - 1].comma = true;
        } else if (*p == '}' && depth > 0 && open[--depth].comma &&
                   (first == NULL || open[depth].at < first)) {
            first = open[depth].at;
            *ret_end = p;
        }
    }
    return first;
}

/* The end of the alternative that begins at `at`: its comma, or the brace `end`. */
static const char *alternative_end(const char *at, const char *end)
{
    for (size_t depth = 0; at < end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == '{')
            depth++;
        else if (*at == '}')
            depth--;
        else if (*at == ',' && depth == 0)
            break;
    }
    return at < end ? at : end;
}

/* Every group has two alternatives at least: what is tried in vain is no more than what comes out.
 */
static bool write_out(const char *text, size_t max, struct strings *ret)
{
    const char *end, *group = first_group(text, &end), *at = group;

    if (group == NULL) {
        if (ret->n == max)
            return false;
        strings_add(ret, xstrdup(text));
        return true;
    }
    while (at < end) {
        const char *next = alternative_end(at + 1, end);
        cleanup_free char *one = xasprintf("%.*s%.*s%s", (int)(group - text), text,
                                           (int)(next - at - 1), at + 1, end + 1);

        if (!write_out(one, max, ret))
            return false;
        at = next;
    }
    return true;
}

bool globs_expand(const char *text, size_t max, struct strings *ret)
{
    struct strings all = {0};
    bool good = write_out(text, max, &all);

    for (size_t i = 0; good && i < all.n; i++)
        strings_add(ret, steal_ptr(all.items[i]));
    if (good)
        all.n = 0;
    strings_free(&all);
    return good;
}

/* ---- the list ---- */

static bool glob_check(struct loader *l, const struct node *n, const char *name)
{
    if (!value_is_text(l, n, name, "a path or a pattern"))
        return false;
    if (n->n == 0)
        return value_unexpected(l, n, name, "a path or a pattern");
    if (n->n >= PATTERN_MAX) {
        problem_at(l, n, "'%s' is longer than a path may be", name);
        return false;
    }
    if (n->text[0] == '!') {
        problem_at(l, n, "'%s': what is to be left out stands under 'exclude', without '!'",
                   n->text);
        return false;
    }
    if (n->text[0] == '$' || (n->text[0] == '~' && (n->text[1] == '/' || n->text[1] == '\0'))) {
        problem_at(l, n,
                   "'%s' is read by no shell: write the path in the job, absolute or relative to "
                   "'workdir'",
                   n->text);
        return false;
    }
    return true;
}

/* The patterns that one of the file stands for, at the end of the list. */
static bool globs_add(struct loader *l, const struct node *n, const char *name,
                      struct jobs_globs *globs, size_t *count)
{
    struct arena *arena = l->plan->arena;
    struct strings all = {0};
    const char *written = arena_strndup(arena, n->text, n->n);
    bool good = globs_expand(n->text, LOAD_ITEMS_MAX - *count, &all);

    if (!good)
        problem_at(l, n, "'%s' stands for more than %d patterns", name, LOAD_ITEMS_MAX);
    else if (all.n > 1)
        good = budget_charge(l, n, all.n + all.n * n->n / BYTES_A_VALUE);
    for (size_t i = 0; good && i < all.n; i++) {
        char *path = arena_strdup(arena, all.items[i]);

        good = path_normalise(path);
        if (!good)
            problem_at(l, n, "'%s' must not contain '..': '%s'", name, n->text);
        globs->patterns[*count] = path;
        globs->written[(*count)++] = written;
    }
    strings_free(&all);
    return good;
}

void globs_read(struct loader *l, const struct node *value, const char *name,
                struct jobs_globs *ret)
{
    const char *patterns[LOAD_ITEMS_MAX], *written[LOAD_ITEMS_MAX];
    struct jobs_globs globs = {patterns, written};
    size_t n = 0;

    *ret = (struct jobs_globs){0};
    if (items_count(value) > LOAD_ITEMS_MAX) {
        problem_at(l, value, "'%s' has more than %d patterns", name, LOAD_ITEMS_MAX);
        return;
    }
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        if (glob_check(l, item, name) && !globs_add(l, item, name, &globs, &n))
            return;
    if (n == 0)
        return;
    ret->patterns = arena_alloc(l->plan->arena, (n + 1) * sizeof(*patterns));
    ret->written = arena_alloc(l->plan->arena, (n + 1) * sizeof(*written));
    memcpy(ret->patterns, patterns, n * sizeof(*patterns));
    memcpy(ret->written, written, n * sizeof(*written));
}

void key_set_globs(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    globs_read(l, value, k->name, (struct jobs_globs *)((char *)object + k->offset));
}
