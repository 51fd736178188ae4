/* SPDX-License-Identifier: Apache-2.0 */
/* host_placeholders: private to sandbox; room for inputs in the host's directories. */
#pragma once

#include "jobs/jobs.h"

struct init_context;
struct sandbox_stage;

/* Makes what the job's inputs and its working directory miss in the views; *ret_path is the one
 * that this failed for. */
int place_inputs(struct sandbox_stage *s, const struct jobs_job *job, const char *job_dir,
                 struct init_context *ctx, const char **ret_path);
