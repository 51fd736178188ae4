/* SPDX-License-Identifier: Apache-2.0 */
/* git_changes: see git_changes.h. Not responsible for how git is run (base/git_program.c). */
#include "harness/cli/git_changes.h"

#include "base/git_program.h"

#include <fnmatch.h>
#include <string.h>

/* The commit's digits; what begins with '-' is no option. */
static int find_commit(struct git *g, const char *ref, char **ret_commit)
{
    cleanup_free char *name = xasprintf("%s^{commit}", ref);
    const char *const arguments[] = {"rev-parse",        "--verify", "--quiet",
                                     "--end-of-options", name,       NULL};
    size_t len;
    int status, r = git_run(g, arguments, ret_commit, &len, &status);

    if (r < 0)
        return r;
    (*ret_commit)[strcspn(*ret_commit, "\n")] = '\0';
    if (status == 0 && len >= 40 && strspn(*ret_commit, "0123456789abcdef") == strlen(*ret_commit))
        return 0;
    return cupel_error_set(g->err, CUPEL_ERROR_INPUT, 0,
                           "--changed: git knows no commit '%s' in %s", ref, g->dir);
}

void git_changes_add(struct git_changes *c, char *path)
{
    if ((c->n & (c->n - 1)) == 0) /* room for the next power of two */
        c->paths = xrealloc(c->paths, (c->n != 0 ? 2 * c->n : 1) * sizeof(*c->paths));
    c->paths[c->n++] = path;
}

/* Takes paths that each end with a NUL. */
static int add_paths(struct git *g, const char *const *arguments, struct git_changes *to)
{
    cleanup_free char *text = NULL;
    size_t len;
    int r = git_run(g, arguments, &text, &len, NULL);

    if (r < 0)
        return r;
    for (size_t at = 0; at < len; at += strlen(text + at) + 1)
        git_changes_add(to, xstrdup(text + at));
    return 0;
}

int git_changes_find(const char *dir, const char *ref, struct git_changes *ret,
                     struct cupel_error *err)
{
    static const char *const untracked[] = {"ls-files", "-z", "--others", "--exclude-standard",
                                            NULL};
    cleanup_free char *commit = NULL;
    struct git g;
    int r = git_begin(&g, dir, "--changed", "what has changed", err);

    *ret = (struct git_changes){0};
    if (r == 0)
        r = git_find_top(&g, &ret->top);
    if (r == 0) {
        g.dir = ret->top;
        r = git_switch_filters_off(&g);
    }
    if (r == 0)
        r = find_commit(&g, ref, &commit);
    if (r == 0) {
        /* git would go into a submodule with that one's configuration; its commit is compared */
        const char *const tracked[] = {"diff",
                                       "--name-only",
                                       "-z",
                                       "--no-renames",
                                       "--no-ext-diff",
                                       "--no-textconv",
                                       "--no-relative",
                                       "--ignore-submodules=dirty",
                                       commit,
                                       "--",
                                       NULL};

        r = add_paths(&g, tracked, ret);
    }
    if (r == 0)
        r = add_paths(&g, untracked, ret);
    git_end(&g);
    if (r < 0)
        git_changes_free(ret);
    return r;
}

void git_changes_free(struct git_changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->paths[i]);
    free(c->paths);
    free(c->top);
    *c = (struct git_changes){0};
}

/* Whether `path` is `at` or lies below it; both without a '/' at their end, "" is all. */
static bool lies_in(const char *path, size_t n, const char *at, size_t n_at)
{
    return n_at == 0 ||
           (n >= n_at && memcmp(path, at, n_at) == 0 && (n == n_at || path[n_at] == '/'));
}

static bool touches(const struct git_changes *c, const char *path)
{
    size_t n_top = strlen(c->top), n;

    if (str_eq(c->top, "/"))
        n_top = 0;
    if (lies_in(c->top, n_top, path, str_eq(path, "/") ? 0 : strlen(path)))
        return c->n > 0; /* the whole checkout */
    if (!lies_in(path, strlen(path), c->top, n_top))
        return false;
    path += n_top + 1;
    n = strlen(path);
    for (size_t i = 0; i < c->n; i++) {
        size_t n_changed = strlen(c->paths[i]);
        bool is_repository = n_changed > 0 && c->paths[i][n_changed - 1] == '/';

        n_changed -= is_repository;
        if (lies_in(c->paths[i], n_changed, path, n) ||
            (is_repository && lies_in(path, n, c->paths[i], n_changed)))
            return true;
    }
    return false;
}

/* A link counts as itself, and as what it leads to. What is not there may be what was removed. */
bool git_changes_touch(const struct git_changes *c, const char *path)
{
    cleanup_free char *real = realpath(path, NULL), *above = xstrdup(path), *dir = NULL, *at = NULL;
    char *slash;

    if (real != NULL && touches(c, real))
        return true;
    for (size_t n = strlen(above); n > 1 && above[n - 1] == '/'; n--)
        above[n - 1] = '\0';
    slash = strrchr(above, '/');
    if (slash == NULL || slash[1] == '\0')
        return false;
    *slash = '\0';
    dir = realpath(above[0] != '\0' ? above : "/", NULL);
    at = xasprintf("%s/%s", dir == NULL ? above : str_eq(dir, "/") ? "" : dir, slash + 1);
    return touches(c, at);
}

/* Makes of a pattern one for which '*' also stands for a '/'. It matches all that the other does,
 * and more. Malloc'ed. */
static char *loosen(const char *pattern)
{
    char *loose = xstrdup(pattern), *to = loose;

    for (const char *at = pattern; *at != '\0'; at++) {
        *to++ = *at;
        if (at[0] == '*' && at[1] == '*')
            at += at[2] == '/' ? 2 : 1;
    }
    *to = '\0';
    return loose;
}

bool git_changes_match(const struct git_changes *c, const char *pattern)
{
    size_t fixed = strcspn(pattern, "*?[\\");
    cleanup_free char *loose = loosen(pattern), *base = strndup(pattern, fixed);
    const char *top = str_eq(c->top, "/") ? "" : c->top;
    bool is = false;

    if (pattern[fixed] == '\0')
        return git_changes_touch(c, pattern);
    for (size_t i = 0; i < c->n && !is; i++) {
        cleanup_free char *path = xasprintf("%s/%s", top, c->paths[i]);

        is = fnmatch(loose, path, 0) == 0 || (path[strlen(path) - 1] == '/' && base != NULL &&
                                              (str_starts(base, path) || str_starts(path, base)));
    }
    return is;
}
