/* SPDX-License-Identifier: Apache-2.0 */
/* cli: one file a subcommand. main.c only dispatches, from the table in main.c. */
#pragma once

#include "base/base.h"

/* A subcommand gets argv[0] = its own name and returns the program's exit code (0, 1, 2, 3, 130).
 * It prints its own errors. */
int cli_run(int argc, char **argv);
int cli_grade(int argc, char **argv);
int cli_shell(int argc, char **argv);
int cli_enter(int argc, char **argv);
int cli_exec(int argc, char **argv);
int cli_validate(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_schema(int argc, char **argv);
int cli_convert(int argc, char **argv);
int cli_problem(int argc, char **argv);
int cli_rootfs(int argc, char **argv);
int cli_cache(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_clean(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_serve(int argc, char **argv);
int cli_selftest(int argc, char **argv);
int cli_report(int argc, char **argv);

/* Makes this process root of a user namespace, unless it is root already (harness/rights), for
 * whoever changes the store; and for who runs jobs, also in a control group of its own and from a
 * sealed copy of the program: then it may start the program anew, with these arguments. 0, or the
 * exit code after the error was printed. */
enum cli_rights { CLI_RIGHTS_TO_STORE, CLI_RIGHTS_TO_RUN };
int cli_take_rights(char **full_argv, enum cli_rights what);

/* Starts the program anew, with these arguments, from a sealed copy in memory; returns when it is
 * one already, or when that is not possible (which is said). See seal.c. */
void cli_seal(char **full_argv);

/* Prints the error and returns the exit code of its kind. */
int cli_fail(const struct cupel_error *err);
/* Loads a job file for a subcommand, with `--set NAME=VALUE` (NULL: none): prints every problem of
 * it to standard error; 0, or the exit code. */
struct jobs_plan;
struct jobs_expanded;
struct cli_list;
int cli_load_plan(const char *path, const struct cli_list *set, struct jobs_plan **ret_plan);
/* Finds the job files of a command line that names none: `cupel.yaml` here, or else `.cupel.yaml`.
 * 0, or the exit code after what is wrong was printed: there is neither, or `-` (JOBS_STDIN) stands
 * there twice. */
struct cli_command;
struct cli_words;
int cli_find_files(const struct cli_command *command, struct cli_words *words);
/* Loads several files for a run with this out directory (NULL: where runs report to by themselves),
 * in which no pattern of theirs finds anything, and says what is wrong with each, or with a `--set`
 * of a parameter that none of them has. 0, or the worst exit code; of a good file there is a plan
 * then, of others NULL, and of all where a `--set` is wrong. `ret_expanded` (NULL: not wanted):
 * what each comes to. */
int cli_load_plans(char *const *paths, size_t n, const struct cli_list *set, const char *out,
                   struct jobs_plan **ret_plans, struct jobs_expanded **ret_expanded);
/* Loads one file in the same way, as `cupel grade` reads it. */
struct jobs_grading;
struct cli_graded {
    const char *path;  /* or a directory: a problem package's */
    const char *image; /* that a package's jobs run in, or NULL */
    const char *out;
    const struct cli_list *set;
    bool again; /* it has been loaded before: what is odd about it has been told */
};
int cli_load_graded(const struct cli_graded *g, const struct jobs_grading *grading,
                    struct jobs_plan **ret_plan);
/* Makes a plan of the job file that a problem package comes to (cli_package.c). */
struct jobs_parameters;
int cli_load_package(const struct cli_graded *g, const struct jobs_parameters *parameters,
                     struct jobs_plan **ret_plan, struct strbuf *problems, struct cupel_error *err);
/* Loads several files as cli_load_plans does, for a run that keeps verdicts (reuse_verdicts). */
int cli_load_described(char *const *paths, size_t n, const struct cli_list *set, const char *out,
                       struct jobs_plan **ret_plans);
/* Frees the plans, and the array. */
void cli_free_plans(struct jobs_plan **plans, size_t n);
/* Does what cli_load_plan does for a copy that a run has made of the job file `path`, with the
 * parameters that it had (NULL-terminated, or NULL) and its out directory; closes fd, which may be
 * a negative errno. */
int cli_load_record(int fd, const char *path, char *const *set, const char *out,
                    struct jobs_plan **ret_plan, struct cupel_error *err);
/* What the run had besides: user and workdir of the root's image (NULL: none), which stand where
 * the file says nothing, and the values that the job's pass-env found, instead of those that it
 * would find now. The texts are borrowed. */
struct jobs_job;
void cli_restore_job(struct jobs_job *job, const char *user, const char *workdir, char *const *env);
