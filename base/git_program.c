/* SPDX-License-Identifier: Apache-2.0 */
/* git_program: see git_program.h. Runs git(1) so that it runs nothing else: a checkout that came as
 * an archive brings a configuration along, which may name programs for file system monitors, hooks,
 * differences, filters and transports. Not responsible for whose repositories git trusts at all
 * (safe.directory). */
#include "base/git_program.h"
#include "base/program.h"

#include <fcntl.h>
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

static void add_env(struct git *g, char *text)
{
    g->env = xrealloc(g->env, (g->n_env + 2) * sizeof(*g->env));
    g->env[g->n_env++] = text;
    g->env[g->n_env] = NULL;
}

int git_begin(struct git *g, const char *dir, const char *needs, const char *question,
              struct cupel_error *err)
{
    cleanup_free char *directories = program_directories();

    *g = (struct git){.dir = dir, .question = question, .err = err};
    if (!program_find("git", g->program, sizeof(g->program)))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s needs git, and it is not %s", needs,
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

void git_end(struct git *g)
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
    (void)cupel_error_set(g->err, CUPEL_ERROR_INPUT, 0, "git cannot say %s in %s", g->question,
                          g->dir);
    if (len > 0)
        cupel_error_hint(g->err, "it says: %.200s", shown.data);
    return -EINVAL;
}

int git_run(const struct git *g, const char *const *arguments, char **ret_out, size_t *ret_len,
            int *ret_status)
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

int git_switch_filters_off(struct git *g)
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

int git_find_top(struct git *g, char **ret_top)
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
