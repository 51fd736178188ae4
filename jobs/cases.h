/* SPDX-License-Identifier: Apache-2.0 */
/* cases: what submissions are judged by, as a job file says it: cases, their groups and points. A
 * part of the room's public header. Not responsible for what came of them. */
#pragma once

#include "base/base.h"

/* Who may see what came of a case, and when. */
enum jobs_visibility {
    JOBS_VISIBLE,
    JOBS_HIDDEN,
    JOBS_AFTER_DUE,
    JOBS_AFTER_PUBLISHED,
    JOBS_VISIBILITY_COUNT,
};
const char *jobs_visibility_name(enum jobs_visibility v);
/* What of its points a group gives: the sum of what its cases and groups give; as much of its own
 * as the worst of them gives of its; all or nothing. */
enum jobs_score { JOBS_SCORE_SUM, JOBS_SCORE_MIN, JOBS_SCORE_PASS, JOBS_SCORE_COUNT };
const char *jobs_score_name(enum jobs_score s);
/* After which wrong case what is not run. */
enum jobs_stop { JOBS_STOP_NEVER, JOBS_STOP_GROUP, JOBS_STOP_ALL, JOBS_STOP_COUNT };
const char *jobs_stop_name(enum jobs_stop s);

/* What a case is besides a job. */
struct jobs_case {
    const char *name;
    size_t judged;   /* index into plan->judged */
    size_t group;    /* and into its groups */
    uint64_t points; /* thousandths */
    enum jobs_visibility visibility;
    /* that, or of a case whose result decides whether this one is run the stricter one: that it was
     * run tells of the other */
    enum jobs_visibility shown;
    const char *hint;                /* or NULL */
    bool has_points, has_visibility; /* it says them itself */
};
struct jobs_case_group {
    const char *name;    /* "secret/large", of a group in `secret`; "": all cases */
    size_t parent;       /* which stands before it; of the first, itself */
    uint64_t points;     /* thousandths */
    bool has_points;     /* it says them itself; else they are the sum of what is in it */
    bool has_visibility; /* likewise */
    enum jobs_score score;
    enum jobs_visibility visibility;
    const size_t *needs; /* groups of which all cases have to pass first */
    size_t n_needs;
};
/* A submission: what one instance of a job with `cases` judges. */
struct jobs_judged {
    const char *name;               /* of the instance: "grade/SUBMISSION=x" */
    size_t first, n;                /* its cases, in plan->jobs */
    struct jobs_case_group *groups; /* the first one is all of it */
    size_t n_groups;                /* >= 1 */
    enum jobs_stop stop;
};
