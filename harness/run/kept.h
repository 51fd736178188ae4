/* SPDX-License-Identifier: Apache-2.0 */
/* kept: what failed jobs left, and others where that was asked for, kept in the store
 * (`kept/RUN.N`) until it is removed: the job's disk, those of the jobs that it started from, the
 * job file as it was, and what else it takes to open the same sandbox again. */
#pragma once

#include "base/base.h"

#define KEPT_DEFAULT_MAX                                                                           \
    16 /* of one run, unless it says otherwise: each may be as large as its job's disk */
#define KEPT_MAX 10000

struct kept {
    char *entry;     /* its directory in kept/ */
    char *run, *job; /* of the run; the job's name there, unique in the run */
    char *name;      /* the job's name in its file */
    char *file;      /* absolute path of the job file */
    char *out;       /* absolute path of the run's out directory */
    char *verdict, *evidence;
    char *root;   /* its keys in the cache; "" for the host's */
    char *config; /* what the root's image said of its processes, or NULL */
    char *caches; /* what lay below its inputs (sandbox_kept), or NULL */
    char *dir;    /* of the job on its disk */
    uint32_t id_base;
    uint32_t uid, gid; /* of its commands, in the job */
    int64_t when;      /* when it started, seconds */
    char **env;        /* NULL-terminated "NAME=VALUE": what pass-env found */
    char **set;        /* the same: the parameters of its file */
    uint64_t bytes;    /* of the disks, as far as they are used */
    unsigned below;    /* of how many jobs that it was made of there are disks */
};
void kept_free(struct kept *list, size_t n);

/* Lists everything that is kept, the newest first. */
int kept_list(int store_dirfd, struct kept **ret_list, size_t *ret_n, struct cupel_error *err);
/* The newest of `what` (JOB or RUN/JOB), of those of run `run` (or a beginning of its name) and of
 * out directory `out`; NULL: of any. Freed by kept_free(ret, 1)'s caller: *ret is malloc'ed.
 * CUPEL_ERROR_INPUT when there is none. */
int kept_find(int store_dirfd, const char *what, const char *run, const char *out,
              struct kept **ret, struct cupel_error *err);
/* What the disk of number i of the jobs below is called (jobs_reads). */
#define KEPT_NAME_SIZE 24
const char *kept_below_name(unsigned i, char buf[static KEPT_NAME_SIZE]);
/* A file of it, for reading: "disk", "file" or one of a job below. */
int kept_open(int store_dirfd, const struct kept *k, const char *file);
/* Sessions that are open over it go on. */
int kept_remove(int store_dirfd, const struct kept *k);
