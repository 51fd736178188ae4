/* SPDX-License-Identifier: Apache-2.0 */
/* session_job: private to session: a job of a plan by itself, with those that it starts from or
 * takes files of, as a plan of its own. */
#pragma once

#include "harness/run/run.h"

#define SESSION_JOBS_MAX (JOBS_READS_MAX + 1)
struct session_job {
    /* of the jobs of whose files this one is made, in an order in which they can run, and itself */
    struct jobs_plan plan;
    struct jobs_job jobs[SESSION_JOBS_MAX];
    bool has_more;             /* than there is room for */
    struct jobs_job *job;      /* the last of them */
    struct jobs_bridge bridge; /* of a job on a bridge: itself alone */
    size_t bridge_member;      /* 0 */
};

/* What it has is the plan's: borrowed. The job may be changed afterwards; it points into *s. Where
 * what lies below was `kept`, the jobs below are there for that, and do not run. */
void session_job_make(struct session_job *s, const struct jobs_plan *plan,
                      const struct jobs_job *job, bool kept);
/* Refuses what the jobs below cannot have by themselves. */
int session_job_check(const struct session_job *s, struct cupel_error *err);
/* Opens logs for the jobs below and for services, if there are any; what they print goes with the
 * run. */
int session_job_open_logs(const struct session_job *s, struct run *run, struct cupel_error *err);
