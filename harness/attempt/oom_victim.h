/* SPDX-License-Identifier: Apache-2.0 */
/* oom_victim: private to attempt: which process the kernel's OOM killer took, as it writes in its
 * log. Read, never waited for; where the log cannot be read, or does not say, nothing is known. */
#pragma once

#include "base/base.h"

struct oom_victim {
    char command[32]; /* "": not known; as the kernel shows it: bytes that are no text as \xNN */
    int host_pid;
    uint64_t anonymous_bytes; /* of its own memory; 0: not known */
};

/* Opens the kernel's log, for a slot; -EBADF where it cannot be read. */
int oom_victim_open(void);
/* Passes over what is in the log by now, which is of no interest. */
void oom_victim_begin(int log);
/* Finds the first victim in the group `path` since oom_victim_begin. */
void oom_victim_find(int log, const char *path, struct oom_victim *ret);

/* Takes one record of /dev/kmsg. `group` is how the path of the group has to end. True when *victim
 * is complete. For the tests. */
bool oom_victim_take(const char *record, const char *group, struct oom_victim *victim);
