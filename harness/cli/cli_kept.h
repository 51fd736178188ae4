/* SPDX-License-Identifier: Apache-2.0 */
/* cli_kept: shared by the subcommands shell, list and clean: what failed jobs left. Each returns
 * the program's exit code. */
#pragma once

#include "harness/session/session.h"

struct kept_query {
    const char *what; /* JOB or RUN/JOB */
    const char *run;  /* or NULL */
    const char *out;  /* or NULL */
};
/* Opens what is kept; fills in the options' plan, job and kept. */
int cli_shell_failed(const struct kept_query *query, struct session_options *options);
int cli_list_kept(bool json);
/* Removes what is kept of failed jobs; 0: all of it. */
int cli_clean_kept(uint64_t older_than_ns);
