/* SPDX-License-Identifier: Apache-2.0 */
/* listen: private to sandbox; what PID 1 says; then sandbox_receive. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* Expects PID 1 of a job of so many steps to begin to talk; `goes_on` as in sandbox_talk. */
void listen_begin(struct sandbox_job *job, unsigned n_steps, bool goes_on);
