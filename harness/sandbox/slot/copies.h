/* SPDX-License-Identifier: Apache-2.0 */
/* copies: private to sandbox; inputs that are copied to the job's disk. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct owner_change;

/* Tells how much more than usual set-up takes of the disk for inputs that are copied to it, in
 * shares of UPPER_OWN_BYTES and UPPER_OWN_INODES, and how long that takes at most; `more` bytes are
 * of inputs that are other jobs' files. */
uint64_t copies_shares(const struct jobs_job *job, bool exact, const struct sandbox_hidden *hidden,
                       uint64_t more, uint64_t *ret_ns);

/* Copies the open directory `dir`, input number `input`, but for what
 * `in` leaves out, into that one's upper directory of the
 * job, with this change of owners: -ETIMEDOUT when it is not done at `until` (CLOCK_MONOTONIC, ns).
 */
int copies_make(struct sandbox_stage *s, int dir, const struct jobs_input *in,
                const struct owner_change *change, const char *job_dir, size_t input,
                uint64_t until);
/* Checks what was copied against what the input may hold (submission.h). */
int copies_check(struct sandbox_stage *s, const struct jobs_input *in, const char *job_dir,
                 size_t input, struct cupel_error *err);
