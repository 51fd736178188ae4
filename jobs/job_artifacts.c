/* SPDX-License-Identifier: Apache-2.0 */
/* job_artifacts: a job's key `artifacts`, as a list or as a map over that of `defaults`. Not
 * responsible for what its patterns mean (base/patterns.c). */
#include "jobs/load.h"

void key_set_artifacts(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct draft *d = object;
    struct jobs_artifacts *artifacts = &d->job.artifacts;

    if (value->kind == NODE_MAP) { /* merges with that of defaults */
        (void)keys_apply(l, k->sub, value, artifacts);
        if (artifacts->paths.patterns == NULL && d->name != NULL &&
            node_child(value, "paths") == NULL && !key_was_meant(k->sub, value, "paths"))
            problem_at(l, value, "'artifacts' has no 'paths'");
        return;
    }
    *artifacts = (struct jobs_artifacts){
        .when = JOBS_WHEN_ALWAYS, .if_missing = JOBS_MISSING_DEFAULT, .max = UINT64_MAX};
    globs_read(l, value, k->name, &artifacts->paths);
}
