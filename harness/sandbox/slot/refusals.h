/* SPDX-License-Identifier: Apache-2.0 */
/* refusals: private to sandbox: how often ext4 has refused room on a stage's disk. */
#pragma once

#include "base/base.h"

#define REFUSALS_EVENTS 6

struct refusals {
    int fd[REFUSALS_EVENTS];   /* perf events of one disk; -EBADF: none */
    int held[REFUSALS_EVENTS]; /* others, that count nothing, so that closing those is quick */
    bool opened;
    bool counts; /* what the kernel refuses is known */
};

/* Counts from now on what the disk that `disk_fd` is on refuses to those that the caller forks,
 * where that can be had. */
void refusals_watch(struct refusals *r, int disk_fd);
/* Tells how many writes and new files were refused so far; 0 where nothing counts them. */
void refusals_count(const struct refusals *r, uint64_t *ret_writes, uint64_t *ret_inodes);
void refusals_close(struct refusals *r);
