/* SPDX-License-Identifier: Apache-2.0 */
/* oom_order: private to sandbox; whom the kernel takes first. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* Gives PID 1 the commands' value from the start, and again before each step; its own one while a
 * command runs. `own` is the slot's value (sandbox_oom_own()). */
void oom_order_begin(struct sandbox_job *job, int own);
void oom_order_commands(const struct sandbox_job *job);
void oom_order_init(const struct sandbox_job *job);
