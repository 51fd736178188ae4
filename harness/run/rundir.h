/* SPDX-License-Identifier: Apache-2.0 */
/* rundir: private to the harness (the doctor's trials leave a record too): what a run leaves on the
 * host while it lives, and how the next one finds and removes what a killed run could not. */
#pragma once

#include "base/base.h"

/* A run's directory in the store, locked for as long as its supervisor lives. */
struct rundir;
int rundir_create(int store_dirfd, struct rundir **ret, struct cupel_error *err);
int rundir_fd(const struct rundir *d);
const char *rundir_id(const struct rundir *d);
/* Records a cgroup that is about to be made; the data of cgroup_run_create's note function. */
int rundir_note_cgroup(void *run_dir, const char *absolute_path);
/* Removes the directory; the caller has removed what was recorded. */
void rundir_remove(struct rundir *d);
/* Lets go of the lock in a forked slot, without unlocking it for the supervisor. */
void rundir_forget(struct rundir *d);

/* Removes every run whose lock nobody holds. *ret_removed counts them. */
int rundirs_recover(int store_dirfd, size_t *ret_removed, struct cupel_error *err);

/* Calls fn for each run whose lock is held, that is which lives: its directory, its name, and its
 * supervisor. */
typedef void rundir_alive_fn(void *data, int dirfd, const char *id, pid_t supervisor);
int rundirs_each_alive(int store_dirfd, rundir_alive_fn *fn, void *data);
