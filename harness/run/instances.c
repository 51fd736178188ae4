/* SPDX-License-Identifier: Apache-2.0 */
/* instances: see instances.h. */
#include "harness/run/instances.h"

void instances_of_plan(const struct run *run, size_t first, size_t *ret_instance_of)
{
    const struct jobs_plan *plan = run->instances[first].plan;

    for (size_t i = 0; i < plan->n_jobs; i++)
        ret_instance_of[i] = INSTANCE_NONE;
    for (size_t i = first; i < run->n_instances && run->instances[i].plan == plan; i++)
        ret_instance_of[run->instances[i].job - plan->jobs] = i;
}

size_t instances_number(const struct run *run, const struct instance *instance)
{
    return (size_t)(instance - run->instances);
}

struct jobs_job *instances_job(const struct instance *instance)
{
    if (instance->service != NULL)
        return instance->service->job;
    return &instance->plan->jobs[instance->job - instance->plan->jobs];
}
