/* SPDX-License-Identifier: Apache-2.0 */
/* input_read: private to sandbox: whether a job has read of the standard input that it was given.
 * Not responsible for making it (make_context.c, go.c). */
#pragma once

#include "harness/sandbox/sandbox.h"

/* Keeps a descriptor of what the job has as its standard input, to ask it later; takes `fd`, which
 * may be an error. Nothing of the job runs yet. */
void input_keep(struct sandbox_job *job, int fd);
