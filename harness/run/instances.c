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
    if (instance->judge != NULL)
        return instance->judge->job;
    return &instance->plan->jobs[instance->job - instance->plan->jobs];
}

/* Finds the instance of a job of the same plan, which has been selected: those of a plan stand as
 * in its file, with none between them but their own. */
static size_t instance_of_job(const struct instance *all, size_t n, const struct instance *near,
                              size_t job)
{
    size_t at = (size_t)(near - all), own = (size_t)(near->job - near->plan->jobs);
    size_t low = own > job && own - job < at ? at - (own - job) : own > job ? 0 : at;
    size_t high = own < job && job - own < n - at ? at + (job - own) + 1 : own < job ? n : at + 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct instance *in = &all[middle];
        size_t its = in->plan == near->plan ? (size_t)(in->job - in->plan->jobs) : 0;

        if (in->plan == near->plan && its == job)
            return middle;
        if (in->plan == near->plan ? its < job : in->plan_index < near->plan_index)
            low = middle + 1;
        else
            high = middle;
    }
    return INSTANCE_NONE;
}

size_t instances_read(const struct instance *all, size_t n_all, size_t instance,
                      size_t ret[static JOBS_READS_MAX])
{
    const struct instance *in = &all[instance];
    size_t jobs[JOBS_READS_MAX], n = 0, n_jobs;

    if (instance_is_of_job(in))
        return 0;
    if (!jobs_takes_files(in->job)) {
        for (size_t i = in->from; i != INSTANCE_NONE; i = all[i].from)
            ret[n++] = i;
        return n;
    }
    n_jobs = jobs_reads(in->plan, (size_t)(in->job - in->plan->jobs), jobs);
    for (size_t i = 0; i < n_jobs && i < JOBS_READS_MAX; i++) {
        size_t at = instance_of_job(all, n_all, in, jobs[i]);

        if (at != INSTANCE_NONE)
            ret[n++] = at;
    }
    return n;
}
