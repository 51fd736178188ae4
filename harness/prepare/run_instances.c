/* SPDX-License-Identifier: Apache-2.0 */
/* run_instances: see run_instances.h. */
#include "harness/prepare/run_instances.h"

#include "harness/prepare/run_names.h"
#include "harness/run/instances.h"
#include "harness/run/run_options.h"

/* Finds of whose files others are made. */
static void find_taken(struct run *run)
{
    size_t reads[JOBS_READS_MAX];

    for (size_t i = 0; i < run->n_instances; i++) {
        size_t n = jobs_takes_files(run->instances[i].job)
                       ? instances_read(run->instances, run->n_instances, i, reads)
                       : 0;

        for (size_t k = 0; k < n; k++)
            run->instances[reads[k]].is_base = true;
    }
}

/* Finds who starts from whom: jobs stand as in their file, and with each its base is selected,
 * since it needs that. */
static void find_bases(struct run *run)
{
    const struct jobs_plan *plan = NULL;
    cleanup_free size_t *instance_of = NULL;

    for (size_t i = 0; i < run->n_instances; i++) {
        struct instance *in = &run->instances[i];

        in->from = INSTANCE_NONE;
        if (in->plan != plan) {
            plan = in->plan;
            instance_of = xrealloc(instance_of, plan->n_jobs * sizeof(*instance_of));
            instances_of_plan(run, i, instance_of);
        }
        if (in->job->from == JOBS_FROM_NOTHING)
            continue;
        in->from = instance_of[in->job->from];
        run->instances[in->from].is_base = true;
    }
    find_taken(run);
}

/* Adds those of the jobs of the run behind all jobs, each job's together. */
static void add_services(struct run *run)
{
    for (size_t i = 0; i < run->n_instances; i++) {
        struct instance *in = &run->instances[i];
        const struct jobs_services *services = in->job->services;

        in->services = run_n_prepared(run);
        for (size_t k = 0; services != NULL && k < services->n; k++) {
            const struct jobs_service *s = &services->list[k];
            struct instance *own = &run->instances[run_n_prepared(run)];

            *own = (struct instance){.plan = in->plan,
                                     .plan_index = in->plan_index,
                                     .job = s->job,
                                     .service = s,
                                     .root = in->root - in->job->root + s->job->root,
                                     .from = INSTANCE_NONE};
            run->n_services++;
        }
    }
}

/* Adds theirs behind those. */
static void add_checkers(struct run *run)
{
    for (size_t i = 0; i < run->n_instances; i++) {
        struct instance *in = &run->instances[i], *own = &run->instances[run_n_prepared(run)];
        const struct jobs_checker *c = in->job->checker;

        if (c == NULL)
            continue;
        *own = (struct instance){.plan = in->plan,
                                 .plan_index = in->plan_index,
                                 .job = c->job,
                                 .judge = c,
                                 .root = in->root - in->job->root + c->job->root,
                                 .from = INSTANCE_NONE};
        in->checker = own;
        run->n_checkers++;
    }
}

void run_instances_make(const struct run_options *o, struct run *run)
{
    size_t n = 0, base = 0, bridge_base = 0;

    for (size_t p = 0; p < o->n_plans; p++)
        for (size_t j = 0; j < o->plans[p]->n_jobs; j++)
            n += 1 + jobs_services_count(&o->plans[p]->jobs[j]) +
                 (o->plans[p]->jobs[j].checker != NULL);
    run->instances = xcalloc(n, sizeof(*run->instances));
    for (size_t p = 0; p < o->n_plans; p++) {
        const struct jobs_plan *plan = o->plans[p];

        for (size_t j = 0; j < plan->n_jobs; j++)
            if (o->selected[p][j])
                run->instances[run->n_instances++] =
                    (struct instance){.plan = plan,
                                      .plan_index = p,
                                      .job = &plan->jobs[j],
                                      .root = base + plan->jobs[j].root,
                                      .bridge = bridge_base + plan->jobs[j].bridge};
        base += plan->n_roots; /* they are numbered over all files */
        bridge_base += plan->n_bridges;
    }
    find_bases(run);
    add_services(run);
    add_checkers(run);
    run->n_roots = base;
    run->n_bridges = bridge_base;
    run_names_make(o, run);
}
