/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_copy: private to attempt: one file, link or directory of a job at a time into a
 * directory of the host's, with its times, and its mode but for set-id bits and what others than
 * the owner may write. Names of one file stay names of one file, holes stay holes; nothing blocks,
 * and the clock and the bounds are looked at on the way. */
#pragma once

#include "harness/attempt/artifact_place.h"
#include "reports/reports.h"

#include <sys/stat.h>

/* What ends a collection before its end; the rest is not copied then. */
enum artifact_stop {
    ARTIFACT_GOES_ON,
    ARTIFACT_OVER_MAX,  /* more bytes than the job file allows */
    ARTIFACT_TOO_MANY,  /* more files, or files with several names, than anybody keeps track of */
    ARTIFACT_TOO_LATE,  /* the time is up */
    ARTIFACT_CANCELLED, /* the user wants no more */
};

struct artifact_links;

struct artifact_copier {
    const struct reports_out *out; /* whose owner gets what is made */
    uint64_t left;                 /* bytes that may still be copied */
    bool (*cancelled)(void *data); /* asks the user; or NULL */
    void *data;

    struct artifact_place to; /* where the last file went, or a directory above the present one */
    struct artifact_links *links;
    struct artifact_digest *digest;
    char *buffer;   /* of what is being copied */
    uint64_t bytes; /* copied so far */
    size_t made;    /* files and directories */
    uint64_t end_ns;
    enum artifact_stop stop;
};

/* Into the directory `dir`, which is empty; the caller has set the first fields. */
int artifact_copier_open(struct artifact_copier *c, int dir);
void artifact_copier_close(struct artifact_copier *c);
/* Looks at the clock, and asks the user; true when c->stop says so. */
bool artifact_copier_stops(struct artifact_copier *c);
/* Copies the file that `from` is open on to `path`/`name`. 0: it is there, and *ret says what it
 * is; 1: it is not, and c->stop or *ret_why, a text that follows its name, says why; negative: the
 * out directory's fault.
 */
int artifact_copier_take(struct artifact_copier *c, int from, const struct artifact_path *path,
                         const char *name, struct reports_file *ret, const char **ret_why);
/* Makes the directory `path`, with those that lead to it; returns the same. */
int artifact_copier_make(struct artifact_copier *c, const struct artifact_path *path,
                         const char **ret_why);
/* Makes a symbolic link to `target`, with the times of `st`; returns the same. */
int artifact_copier_link(struct artifact_copier *c, const struct artifact_path *path,
                         const char *name, const char *target, const struct stat *st,
                         const char **ret_why);
/* Tells the copier that the walk has left the directory of this depth, which `from` is open on: if
 * there is a copy, that gets its mode and times. */
int artifact_copier_left(struct artifact_copier *c, const struct artifact_path *path, size_t depth,
                         int from);
