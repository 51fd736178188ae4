/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_selftest: `cupel selftest` runs the hostile suite and tells which promises hold on this host.
 */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "harness/selftest/selftest.h"

#include <limits.h>
#include <string.h>

#define PROBES_FILE "cupel-probes"
#define PROBES_VARIABLE "CUPEL_PROBES"
#define SLOTS_MAX 64

struct selftest_arguments {
    struct selftest_options o;
    struct cli_list only;
    int slots; /* 0: not said */
    bool list, markdown;
};

#define FIELD(name) offsetof(struct selftest_arguments, name)

static const struct cli_option options[] = {
    CLI_OPTION('\0', "list", CLI_FLAG, FIELD(list), NULL,
               "the probes: what each tries, for which promise, and what holds it; runs nothing"),
    CLI_OPTION('\0', "only", CLI_LIST, FIELD(only), "GLOB",
               "only probes whose name matches; may be repeated"),
    CLI_OPTION('\0', "json", CLI_FLAG, FIELD(o.json), NULL, "JSON in place of the table"),
    CLI_OPTION('\0', "markdown", CLI_FLAG, FIELD(markdown), NULL,
               "with --list: as the tables of docs/selftest.md"),
    CLI_OPTION('\0', "out", CLI_TEXT, FIELD(o.out), "DIR",
               "write junit.xml and results.jsonl there"),
    CLI_OPTION('j', "jobs", CLI_NUMBER, FIELD(slots), "N",
               "run up to N probes at once (default: the number of CPUs)", .min = 1,
               .max = SLOTS_MAX),
    CLI_OPTION('v', "verbose", CLI_FLAG, FIELD(o.verbose), NULL,
               "tell of every probe, not only of those that do not hold"),
};

static const struct cli_command command = {
    .name = "selftest",
    .usage = "selftest [options]",
    .about =
        "Runs small programs that each try to break out of a job, to outlive or exceed it, to "
        "reach another one or to "
        "forge a result, and tells which of cupel's promises hold on this host (docs/selftest.md).",
    .after = "Exit status: 0 everything that could be tested held, 1 a breach, 2 command line "
             "wrong, 3 probes could not be "
             "run, 130 interrupted.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
};

/* Beside the program, as installed and as built. The program is soon a copy in memory that has no
 * place (seal.c), so what was found goes on in the environment, where users may name another. */
static int find_probes(struct cupel_error *err)
{
    const char *given = getenv(PROBES_VARIABLE);
    char self[PATH_MAX] = "";
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    static const char *const places[] = {"/" CUPEL_LIBEXEC_FROM_BIN "/" PROBES_FILE,
                                         "/../../libexec/cupel/" PROBES_FILE};

    if (given != NULL && given[0] == '/' && access(given, X_OK) == 0)
        return 0;
    if (given != NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              PROBES_VARIABLE " names no program by its absolute path: '%s'",
                              given);
        return -ENOENT;
    }
    if (n > 0 && strrchr(self, '/') != NULL)
        *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        cleanup_free char *file = xasprintf("%s%s", self, places[i]), *real = realpath(file, NULL);

        if (real != NULL && access(real, X_OK) == 0)
            return setenv(PROBES_VARIABLE, real, 1) < 0 ? -errno : 0;
    }
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "the probes are not beside the program: no %s in %s/%s", PROBES_FILE,
                          self, CUPEL_LIBEXEC_FROM_BIN);
    cupel_error_hint(err, "install all of cupel, or name the file in " PROBES_VARIABLE);
    return -ENOENT;
}

static int cmd_selftest_run(struct selftest_arguments *a, char **full_argv, struct cupel_error *err)
{
    int code = 0, r = find_probes(err);

    if (r < 0)
        return cli_fail(err);
    code = cli_take_rights(full_argv, CLI_RIGHTS_TO_RUN);
    if (code != 0)
        return code;
    a->o.probes = getenv(PROBES_VARIABLE);
    return selftest_run(&a->o, &code, err) < 0 ? cli_fail(err) : code;
}

static int cmd_selftest_list(const struct selftest_arguments *a, struct cupel_error *err)
{
    enum selftest_format format = a->markdown ? SELFTEST_MARKDOWN
                                  : a->o.json ? SELFTEST_JSON
                                              : SELFTEST_TEXT;

    return selftest_list(&a->o, format, err) < 0 ? cli_fail(err) : 0;
}

int cli_selftest(int argc, char **argv)
{
    struct selftest_arguments a = {0};
    struct cli_words words;
    struct cupel_error err;
    int code;

    if (cli_parse(&command, argc, argv, &a, &words, &code)) {
        a.o.only = a.only.items;
        a.o.n_only = a.only.n;
        a.o.slots = a.slots > 0 ? (unsigned)a.slots : own_limits_cpus();
        if (a.markdown && !a.list)
            code = cli_wrong(&command, "--markdown goes with --list");
        else
            code = a.list ? cmd_selftest_list(&a, &err) : cmd_selftest_run(&a, argv - 1, &err);
    }
    cli_list_free(&a.only);
    return code;
}
