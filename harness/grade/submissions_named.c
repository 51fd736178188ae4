/* SPDX-License-Identifier: Apache-2.0 */
/* submissions_named: what somebody names on a command line becomes submissions. The directory that
 * one lies in is the caller's word; the last component, and what is below it, may be anybody's, so
 * no link is followed there. */
#include "harness/grade/grade_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Returns the path without slashes at its end; malloc'ed. */
static char *without_slashes(const char *word)
{
    char *path = xstrdup(word);

    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/';)
        path[--n] = '\0';
    return path;
}

/* Returns the absolute path of what a word names: links are followed up to its last component, and
 * through that only where it says no name ("." or ".."). Malloc'ed; NULL with errno. */
static char *submission_path(const char *word)
{
    cleanup_free char *path = without_slashes(word), *dir = NULL;
    char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;

    if (file_is_dot(last) || *last == '\0')
        return realpath(path, NULL);
    if (slash != NULL)
        *slash = '\0';
    dir = realpath(slash == NULL ? "." : slash == path ? "/" : path, NULL);
    return dir != NULL ? xasprintf("%s/%s", str_eq(dir, "/") ? "" : dir, last) : NULL;
}

static const char *last_component_of(const char *path)
{
    return strrchr(path, '/') + 1; /* it is absolute */
}

static int compare_ids(const void *a_, const void *b_)
{
    const struct jobs_submission *a = a_, *b = b_;

    return strcmp(a->id, b->id);
}

static int refuse_equal(const struct grade_named *n, struct cupel_error *err)
{
    for (size_t i = 1; i < n->n; i++) {
        const struct jobs_submission *a = &n->list[i - 1], *b = &n->list[i];

        if (!str_eq(a->id, b->id))
            continue;
        if (str_eq(a->path, b->path))
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "the submission '%s' is named twice",
                                   a->path);
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "two submissions are called '%s': '%s' and '%s'", a->id, a->path,
                              b->path);
        cupel_error_hint(err, "rename one of them: results are known by that name");
        return -EEXIST;
    }
    return 0;
}

/* Whether a word names an archive: by its name. A link may be anybody's, and is none. */
static bool is_archive(const char *word)
{
    struct stat st;

    return handins_is_archive(word) && lstat(word, &st) == 0 && S_ISREG(st.st_mode);
}

static int add_word(const char *word, struct grade_named *to, struct cupel_error *err)
{
    cleanup_free char *path = submission_path(word);
    const char *kept;
    struct stat st;

    if (path == NULL || fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot look at submission '%s'",
                               word);
    kept = arena_strdup(to->arena, path);
    grade_named_add(to, &(struct jobs_submission){.id = last_component_of(kept), .path = kept});
    return 0;
}

int grade_name_submissions(const struct grade_naming *how, char *const *words, size_t n,
                           struct grade_named *ret, struct cupel_error *err)
{
    struct grade_named made = {.arena = arena_new()};
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = is_archive(words[i]) ? grade_unpack(how, words[i], n > 1, &made, err)
                                 : add_word(words[i], &made, err);
    if (r == 0 && made.n > 0) {
        qsort(made.list, made.n, sizeof(*made.list), compare_ids);
        r = refuse_equal(&made, err);
    }
    if (r < 0) {
        grade_named_free(&made);
        return r;
    }
    *ret = made;
    return 0;
}

void grade_named_free(struct grade_named *n)
{
    if (n->arena != NULL)
        arena_free(n->arena);
    strbuf_free(&n->people);
    *n = (struct grade_named){0};
}

void grade_references_list(const struct jobs_plan *plan, struct grade_named *ret)
{
    struct arena *arena = arena_new();

    *ret = (struct grade_named){.arena = arena, .n = plan->n_references};
    ret->list = arena_alloc(arena, ret->n * sizeof(*ret->list));
    for (size_t i = 0; i < ret->n; i++) {
        const struct jobs_submission *s = &plan->references[i].submission;

        ret->list[i] = (struct jobs_submission){.id = arena_strdup(arena, s->id),
                                                .path = arena_strdup(arena, s->path)};
    }
}
