/* SPDX-License-Identifier: Apache-2.0 */
/* rights, private. */
#pragma once

#include "harness/rights/rights.h"

#include <sys/capability.h>

#define RIGHTS_IDS 65536 /* as many as a job has; the first is the caller's own */

/* Whether this process has it, in the user namespace that it is in. */
bool rights_capable(cap_value_t capability);

/* A range that the host gives to a user. */
struct subids {
    uint32_t start, count;
};
/* The first range of `file` ("/etc/subuid") for the user that is large enough. -ENOENT: none at
 * all; -ERANGE: only smaller ones. */
int subids_find(const char *file, uid_t uid, struct subids *ret);

/* Forks a helper that will map ids for this process, once it has its namespace; it waits until
 * helper_finish. `lack` gets why there is none to be had, and -ENOENT is returned. */
struct subids_helper {
    pid_t pid;
    int go, said;
};
int subids_helper_start(struct subids_helper *ret, char **lack);
/* Lets it work and waits for it: 0 when both maps are written. -ENOENT: none is (why is in *lack);
 * -EIO: only one is. */
int subids_helper_finish(struct subids_helper *h, char **lack);
void subids_helper_cancel(struct subids_helper *h);

/* Whether we are in a service of a user's own manager. That marks none of its units, so nobody can
 * tell whether this one was delegated; if not, the first OOM kill in a job ends it, and us
 * (docs/cgroups.md). */
bool scope_is_needed(void);
/* What a scope is to be asked for, as arguments of systemd-run (malloc'd, NULL-terminated, for
 * scope_properties_free): to be in the slice that we are in, with the limits of the group that we
 * leave, so that it is no way past them. `of_system`: of the system's manager, not of the user's.
 */
char **scope_properties(bool of_system);
/* Whether such a scope, asked for from the group `own`, would be outside of the cpuset partition
 * whose root is the group `partition`: no property takes that along, and whoever made it would lose
 * the CPUs that they set apart. */
bool scope_is_outside(const char *own, const char *partition, bool of_system);
/* The same of our own group and the partition around it; false where there is none. */
bool scope_leaves_partition(bool of_system);
void scope_properties_free(char **words);
