/* SPDX-License-Identifier: Apache-2.0 */
/* lockfile: private to rootfs-cache. The file that says what the roots of job files were when
 * somebody locked them. */
#pragma once

#include "rootfs-cache/cache.h"

#include <jansson.h>

#define LOCKFILE_NAME "cupel.lock"

struct cache_lockfile {
    char *dir;      /* absolute, of the job file and the lock file */
    char *path;     /* of the lock file, for messages */
    char *job_file; /* its name in dir */
    bool exists;
    /* what the lock file says of the job file's roots: name -> entry; NULL: nothing */
    json_t *had;
    json_t *noted; /* what they have been found to be now */
};

/* An entry says what was asked for and what came of it. */
struct lockfile_field {
    const char *name;
    enum {
        /* by the job file, or what it leaves to the machine: known before there is a root */
        LOCKFILE_ASKED,
        LOCKFILE_FILE,  /* a file's name: for readers, since what counts is what is in it */
        LOCKFILE_FOUND, /* what the root is */
    } what;
    enum { LOCKFILE_TEXT, LOCKFILE_DIGEST, LOCKFILE_TEXTS, LOCKFILE_PACKAGES } type;
};
extern const struct lockfile_field lockfile_fields[];
extern const size_t lockfile_n_fields;

/* Appends how `now` is not what `locked` says, as far as such fields go; nothing when it is the
 * same. */
void lockfile_difference(const json_t *locked, const json_t *now, bool found_too,
                         struct strbuf *out);

static inline void lockfile_json_freep(json_t **j)
{
    json_decref(*j);
}
#define cleanup_json _cleanup_(lockfile_json_freep)
