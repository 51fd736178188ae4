/* SPDX-License-Identifier: Apache-2.0 */
/* disk_limits: how much a job may write to its disk, where the job file says so and where it does
 * not. How large the disk has to be for that is upper.c's, and what set-up needs of it start.c's.
 */
#include "harness/sandbox/sandbox.h"

/* Bounds that hold where the job file names none: nothing a job writes is without a limit. */
#define DEFAULT_DISK (UINT64_C(4) << 30)
#define BYTES_PER_INODE UINT64_C(16384)
#define MIN_DEFAULT_INODES UINT64_C(1024)

void sandbox_disk_limits(const struct jobs_limits *l, uint64_t *ret_bytes, uint64_t *ret_inodes)
{
    uint64_t bytes =
        jobs_limit_is_set(l, JOBS_LIMIT_DISK) ? l->value[JOBS_LIMIT_DISK] : DEFAULT_DISK;
    uint64_t inodes = bytes / BYTES_PER_INODE;

    if (inodes < MIN_DEFAULT_INODES)
        inodes = MIN_DEFAULT_INODES;
    if (jobs_limit_is_set(l, JOBS_LIMIT_INODES))
        inodes = l->value[JOBS_LIMIT_INODES];
    *ret_bytes = bytes;
    *ret_inodes = inodes;
}

bool sandbox_disk_is_exact(const struct jobs_limits *l)
{
    return jobs_limit_is_set(l, JOBS_LIMIT_DISK) || jobs_limit_is_set(l, JOBS_LIMIT_INODES);
}
