/* SPDX-License-Identifier: Apache-2.0 */
/* main: dispatches to a subcommand, from one table. */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#ifdef CUPEL_FAULT_INJECTION
#include "harness/prepare/prepare.h"
#include "harness/sandbox/sandbox.h"

/* Prints the names of the steps that CUPEL_FAULT can make fail; for the tests only. */
static int debug_steps(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < prepare_step_count(); i++)
        (void)puts(prepare_step_name(i));
    for (size_t i = 0; i < sandbox_step_count(); i++)
        (void)puts(sandbox_step_name(i));
    return 0;
}
#endif

static int run_help(int argc, char **argv), run_version(int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: not shown */
} commands[] = {
    {"run", cli_run, "run the jobs of job files and write reports"},
    {"grade", cli_grade, "judge submissions by the cases of a job file, and write grades"},
    {"shell", cli_shell, "open a shell in a job's sandbox, or over a root"},
    {"exec", cli_exec, "run one command in a sandbox, with its limits, streams and exit code"},
    {"enter", cli_enter, "run a command or a shell in a job that is running"},
    {"serve", cli_serve, "run jobs that come over HTTP on a Unix socket"},
    {"validate", cli_validate, "check job files and report every problem"},
    {"list", cli_list, "list the jobs of job files in the order of running"},
    {"convert", cli_convert, "make a job file of a GitLab or GitHub pipeline, or of a package"},
    {"problem", cli_problem, "verify that a problem package keeps what it promises"},
    {"report", cli_report, "make tables, pages and scores of what submissions came to"},
    {"schema", cli_schema, "print the JSON Schema of the job file"},
    {"rootfs", cli_rootfs, "look at and manage the cache of root file systems"},
    {"cache", cli_cache, "look at and remove what jobs have saved for later ones"},
    {"doctor", cli_doctor, "tell what this host can do for cupel, and how to get what it cannot"},
    {"selftest", cli_selftest,
     "try to break out of jobs, and tell which promises hold on this host"},
    {"config", cli_config, "print the configuration that is in force"},
    {"clean", cli_clean, "remove what killed runs left behind"},
    {"help", run_help, "print what a command takes, as `cupel COMMAND --help` does"},
    {"version", run_version, "print the version"},
#ifdef CUPEL_FAULT_INJECTION
    {"debug-steps", debug_steps, NULL},
#endif
};

static void main_print_help(FILE *stream)
{
    (void)fputs("usage: cupel COMMAND [arguments]\n\n", stream);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (commands[i].summary != NULL)
            (void)fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n`cupel COMMAND --help` tells more; so does cupel(1).\n", stream);
}

static int unknown_command(const char *word)
{
    const char *names[ARRAY_SIZE(commands)];
    const char *nearest;
    struct cupel_error err;

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        names[i] = commands[i].name;
    nearest = str_nearest(word, names, ARRAY_SIZE(names));
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "unknown command '%s'", word);
    if (nearest != NULL)
        cupel_error_hint(&err, "did you mean '%s'?", nearest);
    else
        cupel_error_hint(&err, "see cupel help");
    return cli_fail(&err);
}

/* Returns a command's place in the table, or negative. */
static int find_command(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (str_eq(word, commands[i].name))
            return (int)i;
    return -ENOENT;
}

static const struct cli_command help_command = {
    .name = "help",
    .usage = "help [COMMAND]",
    .about = "Prints what COMMAND takes, as `cupel COMMAND --help` does; without one, what "
             "commands there are.",
    .max_words = CLI_ANY_NUMBER, /* `cupel help rootfs import` */
    .words = "a command",
};

/* Runs `cupel help COMMAND` as `cupel COMMAND --help`. */
static int run_help(int argc, char **argv)
{
    cleanup_free char **of = NULL;
    struct cli_words words;
    char option[] = "--help";
    int code, command;

    if (!cli_parse(&help_command, argc, argv, NULL, &words, &code))
        return code;
    if (words.n == 0) {
        main_print_help(stdout);
        return 0;
    }
    command = find_command(words.word[0]);
    if (command < 0)
        return unknown_command(words.word[0]);
    of = xcalloc((size_t)words.n + 2, sizeof(*of));
    memcpy(of, words.word, (size_t)words.n * sizeof(*of));
    of[words.n] = option;
    return commands[command].run(words.n + 1, of);
}

static const struct cli_command version_command = {
    .name = "version",
    .usage = "version",
    .about = "Prints the version, as `cupel --version` does.",
};

static int run_version(int argc, char **argv)
{
    struct cli_words words;
    int code;

    if (!cli_parse(&version_command, argc, argv, NULL, &words, &code))
        return code;
    (void)puts("cupel " CUPEL_VERSION);
    return 0;
}

/* A caller may have closed some of 0, 1 and 2; what is opened next must not become one of them. */
static void open_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR); /* NOLINT(android-cloexec-open): children have them too */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    int command;

    open_standard_streams();
    /* a reader that goes away must not end a run; jobs get the default back */
    (void)signal(SIGPIPE, SIG_IGN);
    /* where it is ignored, the kernel takes what programs that we start say at their end */
    (void)signal(SIGCHLD, SIG_DFL);
    own_limits_raise();
    /* the modes of what is made are as written in the code, whatever the caller's mask */
    (void)umask(022);
    if (word == NULL) {
        main_print_help(stderr);
        return CUPEL_ERROR_INPUT;
    }
    if (str_eq(word, "--help") || str_eq(word, "-h")) {
        main_print_help(stdout);
        return 0;
    }
    if (str_eq(word, "--version")) {
        (void)puts("cupel " CUPEL_VERSION);
        return 0;
    }
    command = find_command(word);
    return command >= 0 ? commands[command].run(argc - 1, argv + 1) : unknown_command(word);
}
