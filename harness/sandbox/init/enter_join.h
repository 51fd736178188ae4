/* SPDX-License-Identifier: Apache-2.0 */
/* enter_join: private to sandbox; the half of entering a job that runs in the child. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct init_context;

/* Joins the job's namespaces, starts the session's first process in them, says so over the control
 * socket and ends; or says what failed. */
_Noreturn void enter_join(struct init_context *ctx, const struct sandbox_entry *entry);
