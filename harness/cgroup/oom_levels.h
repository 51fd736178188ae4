/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/base.h"

/* oom_levels: of a line of groups, each within the next, whose limit it was that made them run out
 * of memory, by how often each was told so. Reads no event itself.
 *
 * An event of v1 goes to a group and to all within it, and the kernel tells the outer ones first
 * (mem_cgroup_oom_notify): whoever looks may find the outer one told and the inner one not yet.
 * Who reads the counts from the inside outwards knows: what an inner group was told beyond what the
 * next outer one was is its own, and one that lags behind catches up.
 *
 * `told`: the counts, [0] that of the innermost group. `own`: how much of each was certainly its
 * own, at the last call; kept by the caller, zero at first. Returns the place of the outermost
 * group that has more now, or -1. */
int oom_levels_find(const uint64_t *told, uint64_t *own, size_t n);
