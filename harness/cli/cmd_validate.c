/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_validate: checks job files and does nothing else. */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "jobs/jobs.h"

static const struct cli_command command = {
    .name = "validate",
    .usage = "validate FILE...",
    .about = "Checks job files: every problem is printed with its line; nothing is run.",
    .after = "Exit status: 0 all files are good, 2 some file is not.",
    .min_words = 1,
    .max_words = CLI_ANY_NUMBER,
    .words = "at least one job file",
};

static int validate(const char *path)
{
    struct jobs_plan *plan = NULL;
    int code = cli_load_plan(path, &plan);

    if (code != 0)
        return code;
    (void)printf("%s: ok (%zu %s)\n", path, plan->n_jobs, plan->n_jobs == 1 ? "job" : "jobs");
    jobs_plan_free(plan);
    return 0;
}

int cli_validate(int argc, char **argv)
{
    struct cli_words files;
    int worst;

    if (!cli_parse(&command, argc, argv, NULL, &files, &worst))
        return worst;
    for (int i = 0; i < files.n; i++) {
        int code = validate(files.word[i]);

        worst = code > worst ? code : worst;
    }
    return worst;
}
