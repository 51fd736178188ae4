/* SPDX-License-Identifier: Apache-2.0 */
/* program: the programs of the machine that cupel starts: where they are looked for, and that each
 * ends with cupel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The directories, with colons between (malloc'ed). The host's root has the system's own four, and
 * never the caller's PATH: that is another's word after sudo, and has no sbin in cron. Everybody
 * else has their PATH, and then the system's. Also the PATH to give to a program that starts
 * others. */
char *program_directories(void);
/* The first regular file of that name that can be executed there. False: there is none. */
bool program_find(const char *name, char *path, size_t size);
/* "in /usr/sbin, ..." or "in PATH, ...": for messages about a program that is not there. */
const char *program_where(void);

/* Has the calling child killed when `parent` ends, and ends it at once where that has happened
 * already. Called between fork and exec, after the last change of ids, which takes it back, as does
 * a set-user-ID program. */
void program_die_with(pid_t parent);

/* Waits for a child. Beyond `most_ns`, or when `cancel` (-EBADF: never) can be read, it is killed,
 * waited for, and that is -ETIMEDOUT or -ECANCELED. Nothing is read of `cancel`. */
int program_wait(pid_t pid, uint64_t most_ns, int cancel, int *ret_status);
/* The same, but that it is told to end by that signal. */
int program_wait_ending(pid_t pid, uint64_t most_ns, int cancel, int signal, int *ret_status);
