/* SPDX-License-Identifier: Apache-2.0 */
/* grading: how a job file is read for `cupel grade`: what is submitted, and what the file says of
 * its own solutions. A part of the room's public header. Not responsible for what comes of them. */
#pragma once

#include "base/base.h"

/* What somebody names in place of what a matrix would find. */
struct jobs_submission {
    const char *id;   /* in the ids of its jobs: no two have the same */
    const char *path; /* absolute, or relative to the job file's directory */
    /* why nobody can judge it, following the path as a sentence does; or NULL */
    const char *refused;
};

struct jobs_grading {
    /* take the place of what `dirs` or `files` finds in the matrix of each job that has the key by
     * which those with `cases` tell submissions apart; none: what is found */
    const struct jobs_submission *submissions;
    size_t n_submissions;
    const char *by; /* that key, where there are several; NULL: the only one */
    /* only cases that are visible, and nothing of others is looked for: they need not be there */
    bool only_visible;
};

/* What a submission may come to: a verdict of jobs_bad_end, or that it passed. */
#define JOBS_PROMISE_PASSED (UINT32_C(1) << 31)
/* A solution of the file's own, and what has to come of it. */
struct jobs_reference {
    struct jobs_submission submission; /* as a submission is named */
    const char *word;                  /* "accepted", "wrong-answer": as it is written */
    uint32_t promised;                 /* bits: of enum jobs_bad_end, or JOBS_PROMISE_PASSED */
    int line;                          /* 0: it stands in no file */
};
#define JOBS_REFERENCES_MAX 1024
