/* SPDX-License-Identifier: Apache-2.0 */
/* cli_run_options: options that several subcommands that run jobs have: rows of their tables, each
 * of which says the same wherever it stands. */
#pragma once

#include "harness/cli/options.h"

#define CLI_SLOTS_MAX 1024

#define CLI_JOBS(field_)                                                                           \
    CLI_OPTION('j', "jobs", CLI_NUMBER, field_, "N",                                               \
               "run up to N jobs at once (default: the number of CPUs)", .min = 1,                 \
               .max = CLI_SLOTS_MAX)
#define CLI_SET(field_)                                                                            \
    CLI_OPTION('\0', "set", CLI_LIST, field_, "NAME=VALUE",                                        \
               "what `${{ params.NAME }}` in the job files stands for; may be repeated")
#define CLI_OUT(field_)                                                                            \
    CLI_OPTION('\0', "out", CLI_TEXT, field_, "DIR",                                               \
               "where reports, logs and artifacts go (default: cupel-out)")
#define CLI_PIN(field_)                                                                            \
    CLI_OPTION('\0', "pin", CLI_FLAG, field_, NULL,                                                \
               "each job that has no `cpuset` of its own runs on whole cores that no other has "   \
               "meanwhile (`cpuset: exclusive`)")
#define CLI_BEST_EFFORT(field_)                                                                    \
    CLI_OPTION('\0', "best-effort", CLI_FLAG, field_, NULL,                                        \
               "run even if this machine cannot hold a limit; each is named in every report")
#define CLI_OVERCOMMIT(field_)                                                                     \
    CLI_OPTION('\0', "overcommit", CLI_FLAG, field_, NULL,                                         \
               "run jobs at once though the sum of their cpu and memory limits is more than "      \
               "there is")
#define CLI_LOCKED(field_)                                                                         \
    CLI_OPTION('\0', "locked", CLI_FLAG, field_, NULL,                                             \
               "only on roots that are what cupel.lock beside the job file says (cupel rootfs "    \
               "lock)")
