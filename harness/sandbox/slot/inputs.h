/* SPDX-License-Identifier: Apache-2.0 */
/* inputs: private to sandbox; a job's inputs, opened by the slot. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct init_context;
struct taken;

/* Opens the job's inputs into ctx, which closes them; `taken` is taken_find's. */
int inputs_open(struct sandbox_stage *s, const struct sandbox_request *request,
                const struct taken *taken, const char *job_dir, struct init_context *ctx,
                struct cupel_error *err);

/* Opens the directory that a file is in, as the file was opened; its name there is malloc'ed. */
int input_open_directory(const struct jobs_host_path *path, char **ret_name);
/* Clones what is open as `fd`, which is of this input of a job's, for the request's. */
int input_clone(struct sandbox_stage *s, const struct sandbox_request *request,
                const struct jobs_input *in, int fd, int *ret_mount);

/* Finds who the commands of a request are, where that is known before PID 1 looks it up. */
bool request_user(const struct sandbox_request *request, uint32_t *ret_uid, uint32_t *ret_gid);
