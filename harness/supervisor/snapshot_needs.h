/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_needs: private to supervisor: how long what a job left is needed by jobs that start from
 * it, or take files of it. Pure. */
#pragma once

#include "harness/run/run.h"

struct snapshot_needs;
struct snapshot_needs *snapshot_needs_new(const struct instance *instances, size_t n);
void snapshot_needs_free(struct snapshot_needs *b);
/* The job has ended for good, or never will start: whatever lies below it is needed by one job
 * less. Once for each. */
void snapshot_needs_ended(struct snapshot_needs *b, size_t instance);
/* Returns number i of the instances that no job is made of any more, directly or not, in the order
 * in which they became so; or false. */
bool snapshot_needs_unneeded(const struct snapshot_needs *b, size_t i, size_t *ret_instance);
size_t snapshot_needs_count_unneeded(const struct snapshot_needs *b);
