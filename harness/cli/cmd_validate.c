/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_validate: checks job files and does nothing else. */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "jobs/jobs.h"

struct validate_arguments {
    struct cli_list set;
};

static const struct cli_option options[] = {
    CLI_OPTION('\0', "set", CLI_LIST, offsetof(struct validate_arguments, set), "NAME=VALUE",
               "what `${{ params.NAME }}` in the job files stands for; may be repeated"),
};

static const struct cli_command command = {
    .name = "validate",
    .usage = "validate [FILE...] [--set NAME=VALUE]",
    .about = "Checks job files: every problem is printed with its line; nothing is run.",
    .after = CLI_FILES_HELP "Exit status: 0 all files are good, 2 some file is not.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .max_words = CLI_ANY_NUMBER,
    .words = "at least one job file",
};

static int validate(char *const *paths, size_t n, const struct cli_list *set)
{
    struct jobs_plan **plans = xcalloc(n, sizeof(*plans));
    int code = cli_load_plans(paths, n, set, NULL, plans, NULL);

    for (size_t i = 0; i < n; i++)
        if (plans[i] != NULL)
            (void)printf("%s: ok (%zu %s)\n", plans[i]->file, plans[i]->n_jobs,
                         plans[i]->n_jobs == 1 ? "job" : "jobs");
    cli_free_plans(plans, n);
    return code;
}

int cli_validate(int argc, char **argv)
{
    struct validate_arguments a = {0};
    struct cli_words files;
    int code;

    if (!cli_parse(&command, argc, argv, &a, &files, &code))
        return code;
    code = cli_find_files(&command, &files);
    if (code == 0)
        code = validate(files.word, (size_t)files.n, &a.set);
    cli_list_free(&a.set);
    return code;
}
