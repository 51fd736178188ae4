/* SPDX-License-Identifier: Apache-2.0 */
/* killed_call: private to attempt: for which system call seccomp ended a process of the job, as the
 * kernel writes it in its log. Where the log cannot be read, or audit's daemon has it instead,
 * nothing is known. */
#pragma once

#include "base/base.h"

#define KILLED_CALL_SIZE 64

/* The last one since oom_victim_begin (whose log this is) of a process whose user is the job's: ids
 * from `id_base` on. The kernel writes it a moment after the process has died: waits so long for
 * it. "" where there is none. */
void killed_call_find(int log, uint32_t id_base, char ret[static KILLED_CALL_SIZE]);

/* Takes one record of /dev/kmsg; false: it is about something else. For the tests. */
bool killed_call_take(const char *record, uint32_t id_base, char ret[static KILLED_CALL_SIZE]);
