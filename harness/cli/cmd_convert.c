/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_convert: a pipeline of GitLab's or GitHub's, or a problem package, becomes a job file on
 * standard output. */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "jobs/jobs.h"
#include "jobs/problem_packages.h"

#include <fcntl.h>

#define CONVERT_FILE_MAX ((size_t)4 * 1024 * 1024)
#define EXIT_LEFT_OUT 1

struct convert_arguments {
    bool conditional;
    struct cli_list variables;
    const char *image;
};

static const struct cli_option options[] = {
    CLI_OPTION('\0', "conditional", CLI_FLAG, offsetof(struct convert_arguments, conditional), NULL,
               "jobs and steps under conditions that are not evaluated are written as if those "
               "held; without it, they stand in the job file as comments"),
    CLI_OPTION('\0', "var", CLI_LIST, offsetof(struct convert_arguments, variables), "NAME[=VALUE]",
               "what a variable of GitLab's is where the pipeline is run, so that "
               "conditions can be evaluated; without a value: it is not set; may be repeated"),
    CLI_OPTION('\0', "image", CLI_TEXT, offsetof(struct convert_arguments, image), "IMAGE",
               "of a package: the image that its jobs run in; without it, `host`, over which a "
               "validator is made anew for each case"),
};

static const struct cli_command command = {
    .name = "convert",
    .usage = "convert gitlab FILE [--conditional] [--var NAME[=VALUE]]...\nconvert github FILE "
             "[--conditional] [--var NAME[=VALUE]]...\nconvert package DIR [--image IMAGE]",
    .about =
        "Writes a job file to standard output that does what FILE does: a .gitlab-ci.yml, or a "
        "workflow of GitHub Actions. What it cannot carry over is named on standard error "
        "with its line, and stands as a comment at its place. Start it in the project's "
        "directory, where the job file is to lie. Of DIR, a problem package of Kattis or ICPC, "
        "it writes one that judges what is in its submissions/.",
    .after = "Exit status: 0 all of it came over, 1 something is left out, 2 FILE cannot be "
             "read, is no pipeline, or is a package that asks for what cannot be done here.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .min_words = 2,
    .max_words = 2,
    .words = "gitlab or github and a file, or package and a directory",
};

/* Loads what was written as a job file in the working directory; prints what is wrong with it. */
static int check_written(const char *text, size_t len)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *plan = NULL;
    struct cupel_error err;

    if (jobs_load_text("cupel.yaml", text, len, &plan, &problems, &err) == 0) {
        jobs_plan_free(plan);
        return 0;
    }
    (void)fputs(problems.data != NULL ? problems.data : "", stderr);
    cupel_error_prefix(&err, "what was written needs a hand");
    cupel_error_print(&err, stderr);
    return EXIT_LEFT_OUT;
}

/* Prints what was made, or why nothing was; returns the exit code. */
static int print_made(int r, const struct jobs_converted *made, struct cupel_error *err)
{
    int code;

    (void)fputs(made->notes.data != NULL ? made->notes.data : "", stderr);
    if (r < 0)
        return cli_fail(err);
    if (fputs(made->text.data, stdout) == EOF || fflush(stdout) != 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot write the job file");
        return cli_fail(err);
    }
    if (made->n_jobs == 0) /* which is said */
        return EXIT_LEFT_OUT;
    code = check_written(made->text.data, made->text.len);
    return made->n_left > 0 ? EXIT_LEFT_OUT : code;
}

static int convert_package(const char *path, const char *image)
{
    const struct jobs_packaging what = {.path = path, .image = image};
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    struct cupel_error err;
    int r = jobs_package_convert(&what, &made, &err);

    return print_made(r, &made, &err);
}

int cli_convert(int argc, char **argv)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    cleanup_free char *text = NULL, *dir = realpath(".", NULL);
    struct convert_arguments arguments = {0};
    struct cupel_error err;
    struct cli_words words;
    struct jobs_converting what = {0};
    int code, r;

    if (!cli_parse(&command, argc, argv, &arguments, &words, &code))
        return code;
    if (str_eq(words.word[0], "package"))
        return convert_package(words.word[1], arguments.image);
    if (!jobs_convert_find(words.word[0], &what.from))
        return cli_wrong(&command, "'%s' is neither gitlab, github nor package", words.word[0]);
    r = file_read_at(AT_FDCWD, words.word[1], CONVERT_FILE_MAX, &text, &what.len);
    if (r < 0) {
        (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, r, "cannot read %s", words.word[1]);
        return cli_fail(&err);
    }
    what.file = words.word[1];
    what.text = text;
    what.dir = dir;
    what.assume = arguments.conditional;
    what.variables = arguments.variables.items;
    what.n_variables = arguments.variables.n;
    r = jobs_convert(&what, &made, &err);
    return print_made(r, &made, &err);
}
