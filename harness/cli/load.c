/* load: what several subcommands share: reading a job file and saying what is wrong. */
#include "harness/cli/cli.h"
#include "jobs/jobs.h"

int cli_fail(const struct cupel_error *err)
{
    cupel_error_print(err, stderr);
    return (int)err->kind;
}

int cli_load_plan(const char *path, struct jobs_plan **ret_plan)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct cupel_error err;

    if (jobs_load(path, ret_plan, &problems, &err) == 0)
        return 0;
    if (problems.data != NULL)
        (void)fputs(problems.data, stderr);
    return cli_fail(&err);
}
