/* SPDX-License-Identifier: Apache-2.0 */
/* secret_command: private to prepare: a command of the caller's that prints a secret. */
#pragma once

#include "base/interrupt.h"
#include "jobs/jobs.h"

/* Runs it in `dir`, with what it prints and says in these two files, as wait status. -ECANCELED: a
 * signal came; -ETIMEDOUT: it has not ended in time. Then, and when cupel ends, whatever it has
 * started ends with it; what it leaves behind when it ends by itself is its own, as an agent is. */
int secret_command_run(const struct jobs_secret *of, const char *dir,
                       const struct interrupt *signals, int out, int said, int *ret_status);
