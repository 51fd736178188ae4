/* SPDX-License-Identifier: Apache-2.0 */
/* launch: a job's words become what its cgroup and its sandbox are asked for. */
#pragma once

#include "harness/attempt/attempt.h"
#include "harness/attempt/caches.h"
#include "harness/run/run.h"

/* What a session in a job's sandbox has otherwise than the job; NULL: nothing. */
struct launch_session {
    enum sandbox_stdio stdio;
    bool one_output;
    unsigned short rows, columns;    /* of its terminal */
    const struct sandbox_kept *kept; /* or NULL */
};

/* Makes the job's cgroup with its limits and starts its sandbox, whose command waits for sandbox_go
 * with `hold`. When that fails, *ret_cgroup and
 * *ret_caches may be there all the same (else they are untouched), to be destroyed by the caller;
 * of the sandbox nothing is left. */
int launch_instance(struct attempt_context *ctx, const struct instance *instance,
                    const struct launch_session *session, bool hold, struct caches **ret_caches,
                    struct cgroup_job **ret_cgroup, struct sandbox_job *ret_sandbox,
                    struct cupel_error *err);
/* Waits until the job has the cores that it is to have for itself, where it asks for some: until
 * here its group is on those of all others. -ECANCELED: as cores_take says. They are given back by
 * attempt_take_down. */
int launch_take_cores(struct attempt_context *ctx, const struct instance *instance,
                      struct cgroup_job *cgroup, int orders, struct cupel_error *err);
/* Gives a sandbox that was held for a job of the same shape (shape.h) the limits of this one, as
 * far as they are not in the process. -EBUSY, -EAGAIN: they cannot be changed any more or not now,
 * and one that begins with them is needed. Where it fails, the sandbox is of no use to anybody. */
int launch_limits(struct attempt_context *ctx, const struct instance *was,
                  const struct instance *instance, struct cgroup_job *cgroup,
                  struct sandbox_job *sandbox, struct cupel_error *err);
/* Gives it the words, and the limits of the process, of this one.
 * -E2BIG: they are more than that takes. */
int launch_words(struct attempt_context *ctx, const struct instance *instance,
                 struct sandbox_job *sandbox, struct cupel_error *err);
