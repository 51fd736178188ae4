/* SPDX-License-Identifier: Apache-2.0 */
/* cli_changed: `cupel run --changed`: which jobs of some files are about what has changed. */
#pragma once

#include "harness/cli/git_changes.h"
#include "jobs/jobs.h"

/* Leaves of `among` (by plan and job) what reads something that is not as the commit `ref` has it:
 * an input, a file that its standard input or an expected output comes from, its root, its job
 * file; and what needs such a job. *ret_n: how many those are. 0, or the exit code after the error
 * was printed. */
int cli_changed_mark(const char *ref, struct jobs_plan *const *plans, size_t n, bool *const *among,
                     size_t *ret_n);
/* Leaves of one plan's `among` what has to do with these changes; how many those are. */
size_t cli_changed_mark_plan(const struct git_changes *c, const struct jobs_plan *plan,
                             bool *among);
/* Calls `each` for every path that cli_changed_mark_plan looks at for the selected jobs; with
 * `is_pattern` it is one that may have wildcards. */
void cli_changed_each_path(const struct jobs_plan *plan, const bool *selected,
                           void (*each)(void *data, const char *path, bool is_pattern), void *data);
