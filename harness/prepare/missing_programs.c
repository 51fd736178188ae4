/* SPDX-License-Identifier: Apache-2.0 */
/* missing_programs: see missing_programs.h. A compiler that the root lacks is no fault of the
 * submission that it was to compile, though it looks like one: the shell ends with 127. So it is
 * looked for in the root's own layers before anything runs, where no submission can have deleted or
 * covered it; and only a program that cannot be there is told of. What is in doubt (a path that an
 * input or a cache may bring, a script of more than one simple command) is left to the run. */
#include "harness/prepare/missing_programs.h"

#include "harness/attempt/environment.h"
#include "harness/run/run.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40

/* ---- a path in layers ---- */

/* Looks at the topmost of that name: 1 it is there, 0 it is not, and no layer has it; or an errno.
 * What a layer hides of those beneath is taken to be there. */
static int look_in_layers(const struct cache_root *root, const char *path, char *link, size_t size,
                          ssize_t *ret_len)
{
    for (size_t i = 0; i < root->n_layers; i++) {
        cleanup_close int fd = file_open_beneath(root->layer[i], path + 1, O_PATH | O_NOFOLLOW, 0);

        if (fd == -ENOENT || fd == -ENOTDIR)
            continue;
        if (fd < 0)
            return fd;
        *ret_len = readlinkat(fd, "", link, size); /* < 0: it is no link */
        return *ret_len < (ssize_t)size ? 1 : -ENAMETOOLONG;
    }
    return 0;
}

/* Cuts the last part off. */
static void go_up(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash != NULL)
        *slash = '\0';
}

/* Puts a link's target in front of what was left to walk. */
static bool follow(char *at, char *rest, size_t size, const char *link, size_t n)
{
    cleanup_free char *tail = xstrdup(rest);

    if (link[0] == '/')
        at[0] = '\0';
    else
        go_up(at);
    return (size_t)snprintf(rest, size, "%.*s/%s", (int)n, link, tail) < size;
}

/* Whether a root cannot have a file there; with `ret_at` where it was found (PATH_MAX bytes). */
static bool cannot_be_there(const struct cache_root *root, const char *path, char *ret_at)
{
    char at[PATH_MAX] = "", rest[PATH_MAX], link[PATH_MAX];
    unsigned links = 0;

    if ((size_t)snprintf(rest, sizeof(rest), "%s", path) >= sizeof(rest))
        return false;
    while (rest[strspn(rest, "/")] != '\0') {
        size_t skip = strspn(rest, "/"), n = strcspn(rest + skip, "/"), len = strlen(at);
        ssize_t target = -1;
        int r;

        if (len + n + 2 > sizeof(at))
            return false;
        at[len] = '/';
        memcpy(at + len + 1, rest + skip, n);
        at[len + 1 + n] = '\0';
        memmove(rest, rest + skip + n, strlen(rest + skip + n) + 1);
        if (str_eq(at + len, "/.") || str_eq(at + len, "/..")) {
            bool up = n == 2;

            at[len] = '\0';
            if (up)
                go_up(at);
            continue;
        }
        r = look_in_layers(root, at, link, sizeof(link), &target);
        if (r == 0)
            return true;
        if (r < 0 || (target >= 0 && (++links > LINKS_MAX ||
                                      !follow(at, rest, sizeof(rest), link, (size_t)target))))
            return false;
    }
    (void)snprintf(ret_at, PATH_MAX, "%s", at);
    return false;
}

/* ---- what else may bring it ---- */

static bool is_beneath(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    while (n > 0 && dir[n - 1] == '/')
        n--;
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Whether something of the job's own lies above or below that path. */
static bool may_be_brought(const struct jobs_job *job, const char *path)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        if (is_beneath(path, job->inputs[i].to) || is_beneath(job->inputs[i].to, path))
            return true;
    return job->n_caches > 0 || job->from != JOBS_FROM_NOTHING;
}

/* ---- which program ---- */

/* What shells do themselves, or begin more than a simple command with (POSIX 2.4, 2.14; what dash
 * 0.5.12's `command -v` and bash 5.2's `compgen -bk` tell). Of another shell, nobody knows here. */
static const char *const words_of_all[] = {
    "!",        ".",       "[",     "alias", "bg",     "break", "case",    "cd",       "command",
    "continue", "do",      "done",  "echo",  "elif",   "else",  "esac",    "eval",     "exec",
    "exit",     "export",  "false", "fg",    "fi",     "for",   "getopts", "hash",     "if",
    "in",       "jobs",    "kill",  "local", "printf", "pwd",   "read",    "readonly", "return",
    "set",      "shift",   "test",  "then",  "times",  "trap",  "true",    "type",     "ulimit",
    "umask",    "unalias", "unset", "until", "wait",   "while", NULL};
static const char *const words_of_dash[] = {"chdir", NULL};
static const char *const words_of_bash[] = {
    "[[",      "bind",    "builtin", "caller",  "compgen", "complete",  "compopt", "coproc",
    "declare", "dirs",    "disown",  "enable",  "fc",      "function",  "help",    "history",
    "let",     "logout",  "mapfile", "popd",    "pushd",   "readarray", "select",  "shopt",
    "source",  "suspend", "time",    "typeset", NULL};
static const struct {
    const char *name;
    const char *const *words;
} shells[] = {{"dash", words_of_dash}, {"bash", words_of_bash}};

static bool is_one_of(const char *const *words, const char *word)
{
    for (; *words != NULL; words++)
        if (str_eq(*words, word))
            return true;
    return false;
}

/* Whether the shell that is there does this itself, or may: one that is not known may do anything,
 * as one that has programs within it does. */
static bool may_do_itself(const char *shell, const char *word)
{
    const char *slash = strrchr(shell, '/'), *name = slash != NULL ? slash + 1 : shell;

    for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
        if (str_eq(shells[i].name, name))
            return is_one_of(words_of_all, word) || is_one_of(shells[i].words, word);
    return true;
}

/* Returns the first word of a script that is one simple command, or NULL; malloc'ed. */
static char *word_of_script(const char *script)
{
    size_t end, n;

    script += strspn(script, " \t\n");
    end = strlen(script);
    while (end > 0 && strchr(" \t\n", script[end - 1]) != NULL)
        end--;
    if (strcspn(script, ";&|()`<>\n\\{}") < end)
        return NULL;
    n = strspn(script, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-./");
    if (n == 0 || (script[n] != '\0' && strchr(" \t\n", script[n]) == NULL))
        return NULL;
    return xasprintf("%.*s", (int)n, script);
}

/* Returns what the job's first command runs, or NULL where that is not plain; malloc'ed. */
static char *program_of(const struct cache_root *root, const struct jobs_job *job)
{
    const char **argv = job->steps[0].argv;
    cleanup_free char *word = NULL;
    char shell[PATH_MAX] = "";

    if (!str_eq(argv[0], "/bin/sh"))
        return xstrdup(argv[0]);
    for (size_t i = 1; argv[i] != NULL && word == NULL; i++)
        if (str_eq(argv[i], "-c") && argv[i + 1] != NULL)
            word = word_of_script(argv[i + 1]);
    if (word == NULL || cannot_be_there(root, argv[0], shell) || may_do_itself(shell, word))
        return NULL;
    return steal_ptr(word);
}

/* Whether the word is one of the values that tell the job's instances apart, as the name of a
 * submission is. */
static bool is_value(const struct jobs_job *job, const char *word)
{
    for (const char *const *m = job->matrix; m != NULL && *m != NULL; m++) {
        const char *equals = strchr(*m, '=');

        if (equals != NULL && str_eq(equals + 1, word))
            return true;
    }
    return false;
}

static const char *path_of(const char *const *env)
{
    for (; *env != NULL; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return "";
}

/* Whether no directory of PATH can have it. */
static bool is_nowhere(const struct cache_root *root, const struct jobs_job *job,
                       const char *program, const char *path)
{
    char ignored[PATH_MAX], file[PATH_MAX];

    if (strchr(program, '/') != NULL)
        return program[0] == '/' && !may_be_brought(job, program) &&
               cannot_be_there(root, program, ignored);
    for (;; path++) {
        size_t n = strcspn(path, ":");

        if (path[0] != '/' ||
            (size_t)snprintf(file, sizeof(file), "%.*s/%s", (int)n, path, program) >= sizeof(file))
            return false; /* of the working directory */
        if (may_be_brought(job, file) || !cannot_be_there(root, file, ignored))
            return false;
        path += n;
        if (*path == '\0')
            return true;
    }
}

/* Returns the program that a job lacks, or NULL; malloc'ed. */
static char *missing_of(const struct run *run, const struct instance *in)
{
    const struct cache_root *root = &run->roots[in->root];
    const struct jobs_job *job = in->job;
    cleanup_free char *program = NULL;
    cleanup_free const char **env = NULL;

    if (job->role != JOBS_ROLE_COMPILE || job->refused != NULL || job->n_steps == 0)
        return NULL;
    program = program_of(root, job);
    if (program == NULL || program[0] == '\0' || is_value(job, program))
        return NULL;
    env = environment_of(run, in);
    return is_nowhere(root, job, program, path_of(env)) ? steal_ptr(program) : NULL;
}

void missing_programs_find(struct run *run)
{
    for (size_t i = 0; i < run->n_instances; i++)
        run->instances[i].lacks = missing_of(run, &run->instances[i]);
}
