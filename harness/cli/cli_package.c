/* SPDX-License-Identifier: Apache-2.0 */
/* cli_package: a problem package in the place of a job file. What becomes of it is jobs/packages'.
 */
#include "harness/cli/cli.h"
#include "jobs/jobs.h"
#include "jobs/problem_packages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Refuses a directory that is something else, such as the one in which submissions lie. */
static int check_is_package(const char *path, struct cupel_error *err)
{
    cleanup_free char *says_what = xasprintf("%s/problem.yaml", path);
    const struct jobs_other_format *other;

    if (access(says_what, F_OK) == 0 || errno != ENOENT)
        return 0;
    other = jobs_package_other_format(path);
    if (other != NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "%s has a %s: it is of the format of %s, which is not read", path,
                              other->file, other->whose);
        cupel_error_hint(err, "write a job file with its test data as 'cases'; "
                              "docs/problem-packages.md says how");
        return -EINVAL;
    }
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "%s is a directory without a problem.yaml, so it is no problem package",
                          path);
    cupel_error_hint(err, "name a job file or a problem package, and what was submitted behind it: "
                          "cupel grade FILE SUBMISSION...");
    return -EINVAL;
}

static int refuse_none(const char *path, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "%s is a problem package, which says nothing of who has submitted", path);
    cupel_error_hint(err, "name submissions behind it; `cupel problem verify %s` judges its own",
                     path);
    return -EINVAL;
}

/* Returns what the package is called: its directory, without slashes at the end. Malloc'ed. */
static char *package_name(const char *path, const char *whole)
{
    cleanup_free char *name = xstrdup(path);
    const char *slash;

    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/';)
        name[--n] = '\0';
    slash = strrchr(name, '/');
    return file_is_dot(slash != NULL ? slash + 1 : name) ? xstrdup(whole) : steal_ptr(name);
}

int cli_load_package(const struct cli_graded *g, const struct jobs_parameters *parameters,
                     struct jobs_plan **ret_plan, struct strbuf *problems, struct cupel_error *err)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    cleanup_free char *whole = realpath(g->path, NULL), *name = NULL;
    const struct jobs_packaging what = {.path = whole, .image = g->image, .grading = true};
    int r = check_is_package(g->path, err);

    if (r < 0)
        return r;
    if (parameters->grading->n_submissions == 0)
        return refuse_none(g->path, err);
    if (whole == NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot open the package %s",
                               g->path);
    r = jobs_package_convert(&what, &made, err);
    if (made.notes.data != NULL && !g->again)
        (void)fputs(made.notes.data, stderr);
    if (r < 0)
        return r;
    name = package_name(g->path, whole);
    r = jobs_load_text_with(name, made.text.data, made.text.len, parameters, ret_plan, problems,
                            err);
    if (r < 0)
        return r;
    /* whoever looks at the run finds the text in it: it is in no file */
    (*ret_plan)->text = arena_strndup((*ret_plan)->arena, made.text.data, made.text.len);
    (*ret_plan)->text_len = made.text.len;
    for (size_t i = 0; i < (*ret_plan)->n_references; i++)
        (*ret_plan)->references[i].line = 0;
    return 0;
}
