/* SPDX-License-Identifier: Apache-2.0 */
/* services_session: services beside a session, which takes the place of a job: `cupel shell`. */
#pragma once

#include "harness/attempt/attempt.h"

struct services_session;

/* Starts the services of a session's job whose sandbox is started and held, waits until all are
 * ready, and lets it go. Returns earlier where the session has ended, or the context's `orders` has
 * a word, which is for the caller to read. NULL in *ret_services: the job has none. On failure none
 * is left; the sandbox is. */
int services_session_begin(struct attempt_context *ctx, const struct instance *instance,
                           struct cgroup_job *cgroup, const struct sandbox_job *sandbox,
                           struct services_session **ret_services, struct cupel_error *err);
/* Ends them at once, since nothing that they write is kept; says which had ended before. */
void services_session_end(struct services_session *services);
