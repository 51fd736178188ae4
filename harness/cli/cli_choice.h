/* SPDX-License-Identifier: Apache-2.0 */
/* cli_choice: which jobs of some files are meant, as several subcommands are told it. */
#pragma once

#include "harness/cli/options.h"
#include "jobs/jobs.h"

struct cli_choice {
    struct cli_list only, skip, tags;
};

/* The rows of an options' table; each is the field of a list. */
#define CLI_CHOICE(only_, skip_, tags_)                                                            \
    CLI_OPTION('\0', "only", CLI_LIST, only_, "GLOB",                                              \
               "only jobs whose name matches, and what they need; may be repeated"),               \
        CLI_OPTION('\0', "skip", CLI_LIST, skip_, "GLOB",                                          \
                   "no job whose name matches, unless another needs it; may be repeated"),         \
        CLI_OPTION('\0', "tag", CLI_LIST, tags_, "GLOB",                                           \
                   "only jobs with a tag that matches, and what they need; may be repeated")

bool cli_choice_given(const struct cli_choice *choice);
/* Makes the list of each plan's jobs that are chosen, of those in `among` (NULL: of all), and of
 * what they need; malloc'ed, NULL before (and in part after a failure). Says which jobs run
 * although they are skipped. 0, or the exit code after the error was printed. */
int cli_choose(const struct cli_choice *choice, struct jobs_plan *const *plans, size_t n,
               bool *const *among, bool **ret_selected);
void cli_choice_free(struct cli_choice *choice);
