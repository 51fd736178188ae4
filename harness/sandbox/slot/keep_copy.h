/* SPDX-License-Identifier: Apache-2.0 */
/* keep_copy: private to sandbox; a tree that a job wrote, copied as it is. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct owner_change;
struct seen;

struct keep_copy_bounds {
    uint64_t bytes, files;
    bool (*stopped)(void *data); /* asked now and then; NULL: never */
    void *data;
    /* For a tree that is the host's and not a job's: its owners' ids plus `id_base`, root's where
     * they are not below `ids`; of its attributes only the users' own, no devices, and nothing of
     * what is mounted in it. 0: everything as it is. */
    uint32_t ids, id_base;
    const struct timespec *time;         /* of everything; NULL: as it is */
    const struct owner_change *change;   /* before that */
    const struct sandbox_hidden *hidden; /* is left out; or NULL */
    const struct seen *seen; /* of keep_copy_contents: so is what that leaves out; or NULL */
};
/* Copies the directory `name` of from_dir into to_dir, where it must not be yet. -EFBIG beyond the
 * bounds, -ELOOP for what is nested too deep, -ECANCELED when stopped; what there is by then is for
 * the caller to remove. */
int keep_copy_into(int from_dir, int to_dir, const char *name,
                   const struct keep_copy_bounds *bounds);
/* The same of an open directory, which is to have that name in to_dir. */
int keep_copy_as(int from, int to_dir, const char *name, const struct keep_copy_bounds *bounds);
/* The same with what is in `from`, and with what it is itself, for the empty directory `to`;
 * `aside` is one on the same disk, for what is needed meanwhile. */
int keep_copy_contents(int from, int to, int aside, const struct keep_copy_bounds *bounds);
/* What the directory takes of its disk, hard links counted once; what is too deep to look at is
 * left out. */
uint64_t keep_copy_measure(int dir, const char *name);
