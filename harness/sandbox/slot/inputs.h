/* SPDX-License-Identifier: Apache-2.0 */
/* inputs: private to sandbox; a job's inputs, opened by the slot. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct init_context;

/* Opens the job's inputs into ctx, which closes them. */
int inputs_open(struct sandbox_stage *s, const struct sandbox_request *request, const char *job_dir,
                struct init_context *ctx, struct cupel_error *err);

/* Finds who the commands of a request are, where that is known before PID 1 looks it up. */
bool request_user(const struct sandbox_request *request, uint32_t *ret_uid, uint32_t *ret_gid);
