/* SPDX-License-Identifier: Apache-2.0 */
/* cli_load: what several subcommands share: reading a job file and saying what is wrong. */
#include "harness/cli/cli.h"
#include "jobs/jobs.h"

#include <string.h>

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

#define RECORD_MAX ((size_t)16 << 20)

int cli_load_record(int fd, const char *path, struct jobs_plan **ret_plan, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf problems = {0};
    cleanup_free char *text = NULL;
    cleanup_close int file = fd;
    size_t len;
    int r = file < 0 ? file : file_read_fd(file, RECORD_MAX, &text, &len);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read the copy of job file %s",
                               path);
    r = jobs_load_text(path, text, len, ret_plan, &problems, err);
    if (r < 0 && problems.data != NULL)
        (void)fputs(problems.data, stderr);
    return r;
}

void cli_restore_job(struct jobs_job *job, const char *user, const char *workdir, char *const *env)
{
    if (user != NULL && !job->has_user)
        job->user = user;
    if (workdir != NULL && !job->has_workdir)
        job->workdir = workdir;
    for (const char **name = job->pass_env; name != NULL && *name != NULL; name++)
        (void)unsetenv(*name);
    for (; env != NULL && *env != NULL; env++) {
        const char *equals = strchr(*env, '=');

        if (equals != NULL) {
            cleanup_free char *name = xstrdup(*env);

            name[equals - *env] = '\0';
            (void)setenv(name, equals + 1, 1);
        }
    }
}
