/* SPDX-License-Identifier: Apache-2.0 */
/* cli_watch: `cupel run --watch`: runs jobs again when what they read has changed. Each run is a
 * process of its own, this program with the same command line: it can take rights, seal itself and
 * die as ever. Which jobs it is about is said by CUPEL_WATCH_RUN in its environment. */
#pragma once

#include "harness/cli/cli.h"
#include "harness/cli/cli_choice.h"
#include "harness/cli/options.h"

struct cli_watch {
    char **full_argv; /* of this program */
    char **files;
    size_t n;
    const struct cli_choice *choice;
    const struct cli_list *set;
    const char *out;
};

/* Runs, and waits, until somebody ends it; the exit code: of the last run, or 130. */
int cli_watch(const struct cli_watch *o);

enum cli_watch_run {
    CLI_WATCH_NONE, /* nobody watches */
    CLI_WATCH_FIRST,
    CLI_WATCH_ALL,    /* all that are chosen */
    CLI_WATCH_FAILED, /* those that have not passed */
    CLI_WATCH_SOME,   /* those that cli_watch_read_jobs reads */
};
/* Which run this process is. Once it has been asked, it no longer stands in the environment. */
enum cli_watch_run cli_watch_run_of(int *ret_fd);
/* Says whether this process is such a run, and is to be asked once it has its rights. */
bool cli_watch_is_run(void);
/* Leaves of `among` (by plan and job) what the watching process has named; closes fd. */
int cli_watch_read_jobs(int fd, struct jobs_plan *const *plans, size_t n, bool *const *among);
