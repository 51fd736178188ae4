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
    .usage = "validate FILE... [--set NAME=VALUE]",
    .about = "Checks job files: every problem is printed with its line; nothing is run.",
    .after = "Exit status: 0 all files are good, 2 some file is not.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .min_words = 1,
    .max_words = CLI_ANY_NUMBER,
    .words = "at least one job file",
};

static int validate(const char *path, const struct cli_list *set, bool alone)
{
    struct jobs_plan *plan = NULL;
    int code = cli_load_plan(path, set, &plan);

    if (code != 0)
        return code;
    if (alone)
        code = cli_check_set(set, &plan, 1);
    if (code == 0)
        (void)printf("%s: ok (%zu %s)\n", path, plan->n_jobs, plan->n_jobs == 1 ? "job" : "jobs");
    jobs_plan_free(plan);
    return code;
}

int cli_validate(int argc, char **argv)
{
    struct validate_arguments a = {0};
    struct cli_words files;
    int worst;

    if (!cli_parse(&command, argc, argv, &a, &files, &worst))
        return worst;
    for (int i = 0; i < files.n; i++) {
        int code = validate(files.word[i], &a.set, files.n == 1);

        worst = code > worst ? code : worst;
    }
    cli_list_free(&a.set);
    return worst;
}
