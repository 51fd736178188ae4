/* SPDX-License-Identifier: Apache-2.0 */
/* output_file: a job's standard output as a file. */
#pragma once

#include "base/base.h"

/* Makes a file of at most `limit` bytes and less than two pages more, which belongs to `id`:
 * *ret_job is for the job to write, *ret_slot to read. */
int output_file_make(uint64_t limit, uint32_t id, int *ret_job, int *ret_slot);
