/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_schema: prints the rules of the job file. */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "jobs/jobs.h"

struct schema_arguments {
    bool markdown;
};

static const struct cli_option options[] = {
    CLI_OPTION('\0', "markdown", CLI_FLAG, offsetof(struct schema_arguments, markdown), NULL,
               "as the tables of docs/job-file.md instead"),
};

static const struct cli_command command = {
    .name = "schema",
    .usage = "schema [--markdown]",
    .about = "Prints the rules of the job file as JSON Schema (draft 2020-12), for editors.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
};

int cli_schema(int argc, char **argv)
{
    cleanup_free char *text = NULL;
    struct schema_arguments a = {0};
    struct cli_words words;
    int code;

    if (!cli_parse(&command, argc, argv, &a, &words, &code))
        return code;
    text = a.markdown ? jobs_markdown() : jobs_schema();
    (void)fputs(text, stdout);
    return 0;
}
