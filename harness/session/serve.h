/* SPDX-License-Identifier: Apache-2.0 */
/* serve: private to session: the half of a session that holds its sandbox. */
#pragma once

#include "harness/attempt/launch.h"
#include "harness/run/enterable.h"
#include "harness/run/run.h"

struct serve_session {
    const struct run *run; /* its one instance is the session */
    struct launch_session launch;
    int socket; /* to the front: relay.h */
};

/* Serves a session, in a process just forked from the front, `front`; never returns. */
_Noreturn void serve_session(const struct serve_session *s, pid_t front);

/* The same for a session in a running job. */
struct serve_entry {
    const struct jobs_plan *plan;
    const struct jobs_job *job;
    const struct enterable_handle *handle;
    const char *const *of_image; /* environment of the image of the job's root */
    const struct sandbox_filter *filter;
    struct launch_session launch;
    int socket;
};
_Noreturn void serve_entry(const struct serve_entry *e, pid_t front);

/* Serves a session whose sandbox is started, until it is over and reaped: passes streams and orders
 * on, and tells the end. Its cgroup (NULL: somebody else's) is watched for OOM kills. */
void serve_streams(int socket, const struct jobs_job *job, const struct launch_session *launch,
                   struct sandbox_job *sandbox, struct cgroup_job *cgroup);
/* Tells the front that there will be no session. */
void serve_fail(int socket, const struct cupel_error *err);
