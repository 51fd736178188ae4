/* SPDX-License-Identifier: Apache-2.0 */
/* leaks: private to sandbox; what a step has left running. */
#pragma once

#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/sandbox.h"

struct init_context;

/* Finds what is alive in the job besides PID 1: fills `list` with as many as fit and returns how
 * many those are. Stops them all; SIGCHLD has to be blocked. */
int leaks_find(struct init_context *ctx, unsigned step,
               struct init_report list[static SANDBOX_LEAKS_MAX]);
