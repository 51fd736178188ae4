/* SPDX-License-Identifier: Apache-2.0 */
/* submission: private to sandbox; what an untrusted input holds, against what it may hold. */
#pragma once

#include "jobs/jobs.h"

/* No more names are looked at: whoever filled the directory is not to hold anybody up. */
#define SUBMISSION_ENTRIES_MAX 100000u

/* Checks what the input is, by a descriptor of it (O_PATH is enough), and all that the job sees of
 * what lies beneath. `is_copy`: it is the job's copy, where owners are no longer those of the host.
 * -EUCLEAN with CUPEL_ERROR_INPUT: it holds what it may not, or lacks what it must. 0 where the
 * job file does not say what it may hold. */
int submission_check(int fd, const struct jobs_input *in, bool is_copy, struct cupel_error *err);
/* Bytes of a single file that the job may be given; 0: any number. */
uint64_t submission_file_max(const struct jobs_input *in);
