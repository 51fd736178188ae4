/* SPDX-License-Identifier: Apache-2.0 */
/* probes: what the programs of `cupel selftest` share. Each probe tries one thing from inside a job
 * and says what came of it; the harness (harness/selftest/) has the table of what each is for, and
 * judges from outside what cannot be judged from here. Written so that even without any wall
 * nothing is harmed: what would change the machine is asked for with arguments that it must refuse.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The exit codes, which harness/selftest/selftest_private.h repeats. Each prints its word and the
 * detail on standard output, and ends. */
#define PROBE_CONTAINED 0
#define PROBE_BREACH 10
#define PROBE_UNTESTED 11
#define PROBE_OPEN 12 /* known not to be closed, and documented as such */
_Noreturn void breach(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void contained(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void untested(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void known_open(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whether a call that returned r was refused before the kernel looked at its arguments: EPERM,
 * EACCES or ENOSYS. */
bool probe_refused(long r);
/* breach if the call got through to the kernel, else contained. Reads errno. */
_Noreturn void judge_call(const char *what, long r);
/* breach if any open of `path` with `flags` succeeds. Never writes. */
void expect_unopenable(const char *path, int flags);

/* Returns what the harness tells by environment: SELFTEST_TOKEN (in names that are looked for
 * outside), SELFTEST_SECRET, ... */
const char *from_harness(const char *name);
const char *token(void);
/* "PREFIX-TOKEN" in static memory. */
const char *with_token(const char *prefix);
/* A key for System V objects, from the token. */
int token_key(void);

void nap_ms(unsigned ms);
/* A process that PID 1 inherits: true in it. The caller goes on once the process between them is
 * gone. */
bool in_orphan(void);
/* Exit code of a child that runs fn, or 128 + its signal. */
int probe_in_child(void (*fn)(void));
/* Reads at most size - 1 bytes of a file, NUL-terminated. Returns bytes or -1. */
ssize_t slurp(const char *path, char *buf, size_t size);

struct probe {
    const char *name;
    void (*run)(void);
};
extern const struct probe escape_probes[], kernel_probes[], neighbour_probes[], leftover_probes[],
    result_probes[], environment_probes[], limit_probes[], uncounted_probes[], service_probes[];
/* probe_uncounted.c: takes all that the kernel gives a user of what it counts by user, until the
 * end of the process. */
void hold_counted(void);
