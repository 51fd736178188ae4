/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_shell: `cupel shell`: a terminal in the sandbox of a job, or over a root. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_devices.h"
#include "harness/cli/cli_kept.h"
#include "harness/cli/options.h"
#include "harness/session/session.h"

#include <string.h>

struct shell_arguments {
    const char *rootfs, *file;
    struct kept_query failed; /* `what`: NULL without --failed */
    struct cli_list devices;
    struct session_options o;
};

#define FIELD(name) offsetof(struct shell_arguments, name)

static const struct cli_option options[] = {
    CLI_OPTION('\0', "rootfs", CLI_TEXT, FIELD(rootfs), "NAME",
               "no job: what a job gets that says nothing, over this root: host, one of the job "
               "file given by --file, "
               "or one of "
               "the cache by name or key (cupel rootfs list)"),
    CLI_OPTION('\0', "failed", CLI_TEXT, FIELD(failed.what), "JOB",
               "what a failed job left (cupel run --keep-failed): the same sandbox with everything "
               "that the job wrote; the "
               "newest "
               "of that name. What is written now is gone with the session"),
    CLI_OPTION('\0', "run", CLI_TEXT, FIELD(failed.run), "RUN", "of that run (cupel list --kept)"),
    CLI_OPTION('\0', "out", CLI_TEXT, FIELD(failed.out), "DIR",
               "of a run that reported to this directory"),
    CLI_OPTION('\0', "secrets", CLI_FLAG, FIELD(o.secrets), NULL,
               "with --failed: fetch the job's secrets once more, and give them to the session"),
    CLI_OPTION('\0', "no-services", CLI_FLAG, FIELD(o.no_services), NULL,
               "start none of the job's services"),
    CLI_OPTION('\0', "file", CLI_TEXT, FIELD(file), "FILE",
               "the job file whose roots --rootfs may name"),
    CLI_OPTION('\0', "best-effort", CLI_FLAG, FIELD(o.best_effort), NULL,
               "even if this machine cannot hold a limit; each is named"),
    CLI_OPTION('\0', "allow-host-network", CLI_FLAG, FIELD(o.allow_host_network), NULL,
               "let a job with `network: host` use this machine's network"),
    CLI_ALLOW_DEVICE(FIELD(devices)),
};

static const struct cli_command command = {
    .name = "shell",
    .usage = "shell FILE JOB [options] [-- COMMAND...]\n"
             "shell --rootfs NAME [--file FILE] [options] [-- COMMAND...]\n"
             "shell --failed JOB [--run RUN] [--out DIR] [options] [-- COMMAND...]",
    .about = "Opens a shell, or runs COMMAND, in exactly the sandbox that the job would get: "
             "namespaces, mounts, inputs, "
             "environment, user and limits (but wall, cpu-time and output, which are about "
             "commands that nobody "
             "watches). What it writes is gone when it ends, as with a job.",
    .after = "On a terminal the session gets a terminal of its own; otherwise three pipes.\n"
             "Exit status: that of the command, 128 + N if signal N ended it, 127 if there is no "
             "such program; 2 and 3 "
             "as with cupel run.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .max_words = 2,
    .words = "a job file and a job, or --rootfs, or --failed",
    .takes_command = true,
};

/* Checks what the options mean together: 0, or the exit code. */
static int cmd_shell_check(const struct shell_arguments *a, const struct cli_words *w)
{
    int taken = a->rootfs != NULL || a->failed.what != NULL ? 0 : 2;

    if (a->rootfs != NULL && a->failed.what != NULL)
        return cli_wrong(&command, "--rootfs and --failed exclude each other");
    if (a->rootfs == NULL && a->file != NULL)
        return cli_wrong(&command, "--file goes with --rootfs");
    if (a->failed.what == NULL && (a->failed.run != NULL || a->failed.out != NULL))
        return cli_wrong(&command, "--run and --out go with --failed");
    if (a->failed.what == NULL && a->o.secrets)
        return cli_wrong(&command, "--secrets goes with --failed; a job of a file has its secrets");
    if (w->n > taken)
        return cli_wrong(&command, "a command comes after '--'; unexpected '%s'", w->word[taken]);
    return w->n == taken ? 0
                         : cli_wrong(&command, "cupel %s takes %s", command.name, command.words);
}

/* ---- a job of a file ---- */

static int find_job(const struct jobs_plan *plan, const char *name, const struct jobs_job **ret,
                    struct cupel_error *err)
{
    cleanup_free const char **names = xcalloc(plan->n_jobs, sizeof(*names));
    const char *near;

    for (size_t i = 0; i < plan->n_jobs; i++) {
        names[i] = plan->jobs[i].name;
        if (str_eq(names[i], name)) {
            *ret = &plan->jobs[i];
            return 0;
        }
    }
    near = jobs_meant_name(name, names, plan->n_jobs);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has no job '%s'", plan->file, name);
    if (near != NULL)
        cupel_error_hint(err, "did you mean '%s'?", near);
    else
        cupel_error_hint(err, "`cupel list %s` shows its jobs", plan->file);
    return -ENOENT;
}

static int shell_of_job(struct shell_arguments *a, const char *file, const char *name)
{
    struct jobs_plan *plan = NULL;
    struct cupel_error err;
    int code = cli_load_plan(file, NULL, &plan);

    if (code != 0)
        return code;
    a->o.plan = plan;
    if (find_job(plan, name, &a->o.job, &err) < 0 || session_shell(&a->o, &code, &err) < 0)
        code = cli_fail(&err);
    jobs_plan_free(plan);
    return code;
}

/* ---- a root without a job ---- */

static const char bare[] = "cupel: 1\nname: shell\njobs: {shell: {run: [/bin/sh]}}\n";

/* The root that --rootfs names: of the file, built in, or else one that the cache knows. */
static int choose_root(const char *name, const struct jobs_plan *of_file, size_t *ret,
                       struct cupel_error *err)
{
    for (size_t i = 0; i < of_file->n_roots; i++)
        if (str_eq(of_file->roots[i].name, name)) {
            *ret = i;
            if (of_file->roots[i].kind != JOBS_ROOT_SCRATCH)
                return 0;
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                  "the root 'scratch' is empty: there is no shell in it");
            cupel_error_hint(
                err,
                "name another root, or a job whose inputs bring a static program: cupel shell FILE "
                "JOB -- PROGRAM");
            return -EINVAL;
        }
    *ret = of_file->n_roots;
    return 0;
}

static int shell_over(struct shell_arguments *a, const struct jobs_plan *of_file,
                      struct cupel_error *err)
{
    cleanup_strbuf struct strbuf problems = {0};
    /* one that is derived is so from others of the file */
    cleanup_free struct jobs_root *roots = xcalloc(of_file->n_roots + 1, sizeof(*roots));
    struct jobs_plan *plan = NULL;
    size_t root;
    int code = 0, r = choose_root(a->rootfs, of_file, &root, err);

    memcpy(roots, of_file->roots, of_file->n_roots * sizeof(*roots));
    roots[of_file->n_roots] = (struct jobs_root){.name = a->rootfs, .kind = JOBS_ROOT_CACHED};
    if (r == 0)
        r = jobs_load_text("shell", bare, sizeof(bare) - 1, &plan, &problems, err);
    if (r == 0) {
        plan->jobs[0].root = root;
        plan->roots = roots;
        plan->n_roots = of_file->n_roots + 1;
        a->o.plan = plan;
        a->o.job = &plan->jobs[0];
        r = session_shell(&a->o, &code, err);
    }
    jobs_plan_free(plan);
    return r < 0 ? r : code;
}

static int shell_of_root(struct shell_arguments *a)
{
    struct jobs_root built_in[] = {{.name = "host", .kind = JOBS_ROOT_HOST},
                                   {.name = "scratch", .kind = JOBS_ROOT_SCRATCH}};
    const struct jobs_plan no_file = {.roots = built_in, .n_roots = ARRAY_SIZE(built_in)};
    struct jobs_plan *plan = NULL;
    struct cupel_error err;
    int code = a->file != NULL ? cli_load_plan(a->file, NULL, &plan) : 0;

    if (code != 0)
        return code;
    code = shell_over(a, plan != NULL ? plan : &no_file, &err);
    jobs_plan_free(plan);
    return code < 0 ? cli_fail(&err) : code;
}

static int open_shell(struct shell_arguments *a, const struct cli_words *words, char **full_argv)
{
    int code = cli_take_rights(full_argv, CLI_RIGHTS_TO_RUN);

    if (code != 0)
        return code;
    a->o.command = words->command;
    if (a->failed.what != NULL)
        return cli_shell_failed(&a->failed, &a->o);
    return a->rootfs != NULL ? shell_of_root(a) : shell_of_job(a, words->word[0], words->word[1]);
}

int cli_shell(int argc, char **argv)
{
    struct shell_arguments a = {0};
    struct cli_words words;
    int code;

    if (cli_parse(&command, argc, argv, &a, &words, &code)) {
        code = cmd_shell_check(&a, &words);
        if (code == 0)
            code = cli_allow_devices(&command, &a.devices, &a.o.allow_devices);
        if (code == 0)
            code = open_shell(&a, &words, argv - 1); /* argv[-1]: see main */
    }
    cli_list_free(&a.devices);
    return code;
}
