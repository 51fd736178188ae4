/* SPDX-License-Identifier: Apache-2.0 */
/* git_changes: see git_changes.h. Runs git(1) so that it runs nothing else: a checkout that came as
 * an archive brings a configuration along, which may name programs for file system monitors, hooks,
 * differences, filters and transports. Not responsible for whose repositories git trusts at all
 * (safe.directory). */
#include "harness/cli/git_changes.h"

#include "base/program.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define GIT_NS (300 * NSEC_PER_SEC)
#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)
#define SAID_MAX ((size_t)4096)
#define FILTERS_MAX 256

/* What git gets of the caller's environment: where the user's own configuration is, and who it was
 * that called sudo, whose repositories git takes then. Nothing that begins with GIT_. */
static const char *const passed[] = {"HOME", "XDG_CONFIG_HOME", "SUDO_UID"};

struct git {
    char program[PATH_MAX];
    const char *dir;
    struct strset filters; /* "filter.NAME.clean" and so on, each once */
    char **env;            /* NULL-terminated */
    size_t n_env;
    struct cupel_error *err;
};

static void add_env(struct git *g, char *text)
{
    g->env = xrealloc(g->env, (g->n_env + 2) * sizeof(*g->env));
    g->env[g->n_env++] = text;
    g->env[g->n_env] = NULL;
}

static int git_begin(struct git *g, const char *dir, struct cupel_error *err)
{
    cleanup_free char *directories = program_directories();

    *g = (struct git){.dir = dir, .err = err};
    if (!program_find("git", g->program, sizeof(g->program)))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--changed needs git, and it is not %s",
                               program_where());
    add_env(g, xasprintf("PATH=%s", directories));
    for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
        if (getenv(passed[i]) != NULL)
            add_env(g, xasprintf("%s=%s", passed[i], getenv(passed[i])));
    add_env(g, xstrdup("LC_ALL=C"));
    add_env(g, xstrdup("GIT_OPTIONAL_LOCKS=0")); /* the index stays as it is */
    add_env(g, xstrdup("GIT_TERMINAL_PROMPT=0"));
    add_env(g, xstrdup("GIT_NO_LAZY_FETCH=1"));
    add_env(g, xstrdup("GIT_ALLOW_PROTOCOL=none")); /* nor does an older git fetch anything */
    return 0;
}

static void git_end(struct git *g)
{
    for (size_t i = 0; i < g->n_env; i++)
        free(g->env[i]);
    free(g->env);
    strset_free(&g->filters);
}

_Noreturn static void run_git(const struct git *g, char *const *argv, int out, int said)
{
    const struct rlimit size = {OUTPUT_MAX, OUTPUT_MAX};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)signal(SIGPIPE, SIG_DFL);
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
        dup2(said, STDERR_FILENO) >= 0 && setrlimit(RLIMIT_FSIZE, &size) == 0)
        (void)execve(g->program, argv, g->env);
    (void)dprintf(STDERR_FILENO, "%s: %s\n", g->program, strerror(errno));
    _exit(127);
}

static char *read_all(int fd, size_t max, size_t *ret_len)
{
    struct strbuf b = {0};
    char chunk[4096];
    ssize_t n;

    strbuf_adds(&b, "");
    while (b.len < max && (n = pread(fd, chunk, sizeof(chunk), (off_t)b.len)) > 0)
        strbuf_add(&b, chunk, (size_t)n);
    *ret_len = b.len;
    return b.data;
}

/* The first line that git has said: what is wrong; advice follows. */
static int git_failed(const struct git *g, int said)
{
    cleanup_strbuf struct strbuf shown = {0};
    size_t len;
    cleanup_free char *text = read_all(said, SAID_MAX, &len);

    text[strcspn(text, "\n")] = '\0';
    text_add_line(&shown, text);
    (void)cupel_error_set(g->err, CUPEL_ERROR_INPUT, 0, "git cannot say what has changed in %s",
                          g->dir);
    if (len > 0)
        cupel_error_hint(g->err, "it says: %.200s", shown.data);
    return -EINVAL;
}

/* Runs git with these arguments, NULL-terminated; *ret_out: what it printed, with a NUL behind it,
 * malloc'ed. With ret_status, any exit code is the caller's matter. */
static int git_run(const struct git *g, const char *const *arguments, char **ret_out,
                   size_t *ret_len, int *ret_status)
{
    static const char *const before[] = {
        "git", "--no-pager", "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "-C"};
    cleanup_close int out = memfd_create("git", MFD_CLOEXEC);
    cleanup_close int said = memfd_create("said", MFD_CLOEXEC);
    cleanup_free const char **argv = NULL;
    size_t n = ARRAY_SIZE(before);
    pid_t pid, parent = getpid();
    int status = 0, r;

    if (out < 0 || said < 0)
        return cupel_error_set(g->err, CUPEL_ERROR_HARNESS, errno, "cannot run git");
    for (size_t i = 0; arguments[i] != NULL; i++)
        n++;
    argv = xcalloc(n + 2, sizeof(*argv));
    memcpy(argv, before, sizeof(before));
    argv[ARRAY_SIZE(before)] = g->dir;
    for (size_t i = 0; arguments[i] != NULL; i++)
        argv[ARRAY_SIZE(before) + 1 + i] = arguments[i];
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        program_die_with(parent);
        run_git(g, (char *const *)argv, out, said);
    }
    r = pid < 0 ? -errno : program_wait(pid, GIT_NS, -EBADF, &status);
    if (r < 0)
        return cupel_error_set(g->err, CUPEL_ERROR_INPUT, r, "git does not end in %s", g->dir);
    if (ret_status != NULL)
        *ret_status = status;
    else if (status != 0)
        return git_failed(g, said);
    *ret_out = read_all(out, OUTPUT_MAX, ret_len);
    return 0;
}

/* Git compares files that may have changed by what they are without their filters: such a program
 * is named in the configuration alone. So one that is found there is set to none; a file that has
 * one then counts as changed once it was touched. */
static int switch_filters_off(struct git *g)
{
    static const char *const find[] = {"config",       "-z",         "--includes", "--name-only",
                                       "--get-regexp", "^filter\\.", NULL};
    cleanup_free char *names = NULL;
    size_t len, n = 0;
    int status, r = git_run(g, find, &names, &len, &status);

    if (r < 0)
        return r;
    if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 1)) /* 1: there are none */
        return cupel_error_set(g->err, CUPEL_ERROR_INPUT, 0,
                               "git cannot read its configuration in %s", g->dir);
    for (size_t at = 0; at < len; at += strlen(names + at) + 1) {
        const char *name = names + at, *last = strrchr(name, '.');

        if (!strset_add(&g->filters, name))
            continue;
        if (n == FILTERS_MAX)
            return cupel_error_set(g->err, CUPEL_ERROR_INPUT, 0, "%s has more than %d filters",
                                   g->dir, FILTERS_MAX);
        add_env(g, xasprintf("GIT_CONFIG_KEY_%zu=%s", n, name));
        add_env(g, xasprintf("GIT_CONFIG_VALUE_%zu=%s", n,
                             last != NULL && str_eq(last, ".required") ? "false" : ""));
        n++;
    }
    add_env(g, xasprintf("GIT_CONFIG_COUNT=%zu", n));
    return 0;
}

static int find_top(struct git *g, char **ret_top)
{
    static const char *const arguments[] = {"rev-parse", "--show-toplevel", NULL};
    cleanup_free char *text = NULL;
    size_t len;
    int r = git_run(g, arguments, &text, &len, NULL);

    if (r < 0)
        return r;
    if (len > 0 && text[len - 1] == '\n')
        text[len - 1] = '\0';
    *ret_top = realpath(text, NULL);
    return *ret_top != NULL ? 0
                            : cupel_error_set(g->err, CUPEL_ERROR_INPUT, errno,
                                              "cannot find the checkout that %s is in", g->dir);
}

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
    int r = git_begin(&g, dir, err);

    *ret = (struct git_changes){0};
    if (r == 0)
        r = find_top(&g, &ret->top);
    if (r == 0) {
        g.dir = ret->top;
        r = switch_filters_off(&g);
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
