/* SPDX-License-Identifier: Apache-2.0 */
/* more_jobs: jobs that come to a run which is prepared already, over roots that it has: what
 * prepare.c does for the jobs of a job file. Not responsible for seccomp programs, which are
 * compiled where the job runs. */
#include "harness/attempt/identity.h"
#include "harness/prepare/enforceable.h"
#include "harness/prepare/prepare.h"
#include "harness/prepare/roots.h"
#include "harness/prepare/unprivileged.h"

int prepare_more_check(const struct prepared *p, const struct run_options *options,
                       struct instance *instances, size_t n, struct cupel_error *err)
{
    struct prepared more = *p; /* the same run, with these jobs in place of its own */
    int r;

    more.run.instances = instances;
    more.run.n_instances = n;
    more.run.n_services = more.run.n_checkers = 0;
    r = roots_take_image_defaults(&more.run, err);
    if (r == 0)
        r = enforceable_check(&more, options, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = unprivileged_check(&more.run.privilege, &instances[i], err);
    return r == 0 ? identity_find_all(&more.run, err) : r;
}

int prepare_more_complete(struct run *run, struct cupel_error *err)
{
    int r = roots_take_image_defaults(run, err);

    if (r == 0)
        r = identity_find_all(run, err);
    if (r == 0)
        identity_settle_inputs(run);
    return r;
}
