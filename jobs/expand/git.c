/* SPDX-License-Identifier: Apache-2.0 */
/* git: which commit and which branch are checked out (gitrepository-layout(5)). Reads no objects,
 * and believes nothing but what looks like a commit's digits or a branch's name. */
#include "jobs/expand/git.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD_MAX ((size_t)4096)
#define PACKED_MAX ((size_t)64 * 1024 * 1024)
#define LINKS_MAX 5 /* "ref: " that leads to a "ref: " */

/* Reads a small file of git's, without its last newline; malloc'ed, or NULL. */
static char *read_line(const char *dir, const char *name)
{
    cleanup_free char *path = name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", dir, name);
    char *text = NULL;
    size_t len;

    if (file_read_at(AT_FDCWD, path, HEAD_MAX, &text, &len) < 0)
        return NULL;
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static bool exists(const char *dir, const char *name)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, name);
    struct stat st;

    return stat(path, &st) == 0;
}

/* Finds the repository's directory: .git in this directory or one above it, or what a file of that
 * name leads to. Malloc'ed, or NULL. */
static char *find_repository(const char *dir)
{
    cleanup_free char *at = xstrdup(dir);

    for (;;) {
        cleanup_free char *git = xasprintf("%s/.git", str_eq(at, "/") ? "" : at), *text = NULL;
        char *slash = strrchr(at, '/');

        if (exists(git, "HEAD"))
            return steal_ptr(git);
        text = read_line(at, ".git");
        if (text != NULL && str_starts(text, "gitdir: ")) /* a work tree or a submodule */
            return text[8] == '/' ? xstrdup(text + 8) : xasprintf("%s/%s", at, text + 8);
        if (slash == NULL || at[1] == '\0')
            return NULL;
        if (slash == at)
            slash++;
        *slash = '\0';
    }
}

static bool is_commit(const char *text)
{
    size_t n = strlen(text);

    return (n == 40 || n == 64) && strspn(text, "0123456789abcdef") == n;
}

/* A name as git takes it (git-check-ref-format(1)), as far as a path must not lead elsewhere. */
static bool is_ref(const char *text)
{
    if (!str_starts(text, "refs/") || strstr(text, "..") != NULL || strstr(text, "//") != NULL)
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("~^:?*[\\", *p) != NULL)
            return false;
    return true;
}

/* Looks for the reference among the packed ones: lines "DIGITS NAME". Malloc'ed, or NULL. */
static char *find_packed(const char *dir, const char *ref)
{
    cleanup_free char *path = xasprintf("%s/packed-refs", dir), *text = NULL;
    size_t len, n;

    if (file_read_at(AT_FDCWD, path, PACKED_MAX, &text, &len) < 0)
        return NULL;
    for (char *line = text; *line != '\0'; line += n + (line[n] != '\0')) {
        char *blank;

        n = strcspn(line, "\n");
        blank = memchr(line, ' ', n);
        if (blank != NULL && strlen(ref) == (size_t)(line + n - blank - 1) &&
            strncmp(blank + 1, ref, strlen(ref)) == 0)
            return strndup(line, (size_t)(blank - line));
    }
    return NULL;
}

/* Where what all work trees share lies. Malloc'ed. */
static char *common_directory(const char *repository)
{
    cleanup_free char *common = read_line(repository, "commondir");

    if (common == NULL)
        return xstrdup(repository);
    return common[0] == '/' ? xstrdup(common) : xasprintf("%s/%s", repository, common);
}

/* Follows "ref: NAME" to a commit; malloc'ed, or NULL. */
static char *find_commit(const char *repository, const char *head)
{
    cleanup_free char *common = common_directory(repository), *text = xstrdup(head);

    for (int i = 0; i < LINKS_MAX && str_starts(text, "ref: "); i++) {
        cleanup_free char *ref = xstrdup(text + 5);

        free(steal_ptr(text));
        if (is_ref(ref)) {
            text = read_line(repository, ref);
            if (text == NULL)
                text = read_line(common, ref);
            if (text == NULL)
                text = find_packed(common, ref);
        }
        if (text == NULL)
            return NULL;
    }
    return is_commit(text) ? steal_ptr(text) : NULL;
}

int git_checked_out(const char *dir, const char *what, struct arena *arena, const char **ret_text,
                    struct cupel_error *err)
{
    cleanup_free char *repository = find_repository(dir), *head = NULL, *commit = NULL;

    if (repository != NULL)
        head = read_line(repository, "HEAD");
    if (head == NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "%s is in no checkout of git, or one that cannot be read", dir);
    if (str_eq(what, "branch")) {
        bool is_branch = str_starts(head, "ref: refs/heads/") && is_ref(head + 5);

        *ret_text = arena_strdup(arena, is_branch ? head + strlen("ref: refs/heads/") : "");
        return 0;
    }
    commit = find_commit(repository, head);
    if (commit == NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "no commit is checked out in %s",
                               repository);
    *ret_text = arena_strdup(arena, commit);
    return 0;
}
