/* SPDX-License-Identifier: Apache-2.0 */
/* submission_files: what files there are in a submission. Private to jobs/expand/. */
#pragma once

#include "base/base.h"

#define SUBMISSION_FILES_MAX 256
#define SUBMISSION_BYTES_MAX 16384 /* of the names of these */

struct submission_asked {
    const char *dir;  /* of the job file, absolute */
    const char *path; /* of the submission, absolute or relative to that */
    size_t named;     /* of an absolute one: how many bytes of it the job file names */
    /* whether a file of that name counts */
    bool (*wants)(const void *data, const char *name);
    const void *data;
    struct arena *arena; /* in which the answer lives */
};
struct submission_seen {
    const char **files;   /* that count, "./a/b.c", in the order of their bytes */
    size_t n;             /* of a submission that is a file: that one, or none */
    const char *language; /* what its file `language` says, without blanks at its end; or NULL */
    const char *refused;  /* why nobody can tell; or NULL */
    bool unread;          /* jobs_job.unread */
};
void submission_look(const struct submission_asked *asked, struct submission_seen *ret);
/* Whether what is in a directory, or may be, could not be opened through no doing of whoever filled
 * it. The owner of a file chooses who may read it, so rights withheld by another user than the one
 * who runs cupel say nothing of the judge; no owner chooses -EIO. `name`: NULL for the directory
 * itself; `r`: the negative errno. */
bool submission_is_unread(int dirfd, const char *name, int r);
