/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_schema: prints the rules of the job file, and what lines of results.jsonl may have. */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "jobs/jobs.h"
#include "reports/reports.h"

struct schema_arguments {
    bool markdown;
};

static const struct cli_option options[] = {
    CLI_OPTION('\0', "markdown", CLI_FLAG, offsetof(struct schema_arguments, markdown), NULL,
               "as the tables of docs/job-file.md, or docs/results.md, instead"),
};

static const struct cli_command command = {
    .name = "schema",
    .usage = "schema [job | results] [--markdown]",
    .about = "Prints the rules of the job file, or of a line of results.jsonl, as JSON Schema "
             "(draft 2020-12), for editors and programs.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .max_words = 1,
    .words = "of what: job or results",
};

static void print_results(bool markdown)
{
    cleanup_free char *schema = markdown ? NULL : reports_schema();

    if (schema != NULL)
        (void)fputs(schema, stdout);
    for (size_t i = 0; markdown && i < reports_schema_tables(); i++) {
        cleanup_free char *table = reports_schema_table(i);

        (void)printf("%s%s", i > 0 ? "\n" : "", table);
    }
}

static void print_job(bool markdown)
{
    cleanup_free char *text = markdown ? jobs_markdown() : jobs_schema();

    (void)fputs(text, stdout);
}

int cli_schema(int argc, char **argv)
{
    struct schema_arguments a = {0};
    struct cli_words words;
    const char *what;
    int code;

    if (!cli_parse(&command, argc, argv, &a, &words, &code))
        return code;
    what = words.n > 0 ? words.word[0] : "job";
    if (str_eq(what, "results"))
        print_results(a.markdown);
    else if (str_eq(what, "job"))
        print_job(a.markdown);
    else
        return cli_wrong(&command, "there is no schema of '%s'", what);
    return 0;
}
