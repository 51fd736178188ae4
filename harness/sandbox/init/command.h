/* SPDX-License-Identifier: Apache-2.0 */
/* command: private to sandbox; the process that becomes a step's command. */
#pragma once

#include <stdint.h>

struct init_context;
struct jobs_job;
struct jobs_step;

/* What a job may have of what resource limits count by user, in bytes and signals: each of its
 * users, and all of them together. */
#define JOB_STACK (UINT64_C(8) << 20)
#define JOB_MEMLOCK (UINT64_C(8) << 20)
#define JOB_MSGQUEUE UINT64_C(819200)
#define JOB_SIGPENDING UINT64_C(4096)

/* Runs in the forked command: sets itself up and executes step `index` of the job. Writes an
 * init_report into `report_fd` (close-on-exec) when that fails, and exits. */
_Noreturn void command_main(struct init_context *ctx, unsigned index, int report_fd);
/* Step `index` of the job; after the last one comes `after`. */
const struct jobs_step *command_step(const struct jobs_job *job, unsigned index);
