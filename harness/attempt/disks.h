/* SPDX-License-Identifier: Apache-2.0 */
/* disks: which disks a job's reads and writes end up at. */
#pragma once

#include "harness/run/run.h"

/* The limits of `io` as cgroup has them, in the order of enum cgroup_io. */
extern const enum jobs_limit disks_limits[CGROUP_IO_COUNT];
/* The disks below the store (everything that the job writes, and every root but the host's), the
 * host's root where the job has it, and its inputs, each once. Negative and *err when one of them
 * cannot have I/O limits. */
int disks_of(const struct instance *instance, int store_dirfd, struct cgroup_limits *limits,
             struct cupel_error *err);
