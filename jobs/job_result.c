/* SPDX-License-Identifier: Apache-2.0 */
/* job_result: which jobs need not run again once they have passed (`cache-result`). Not responsible
 * for what a result's key is made of (harness/prepare/cached_results.c). */
#include "jobs/load.h"

#include "jobs/expand/expand.h"

void key_set_cache_result(struct loader *l, const struct key *k, const struct node *value,
                          void *object)
{
    struct draft *d = object;

    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else if (value_bool(l, value, k->name, &d->job.caches_result))
        d->cache_result = value;
}

static bool has_untrusted(const struct jobs_job *job)
{
    bool is = job->stdin_file.path != NULL && job->stdin_file.untrusted;

    for (size_t i = 0; i < job->n_inputs; i++)
        is |= job->inputs[i].host.untrusted;
    return is;
}

static bool is_over_host(const struct jobs_plan *plan, const struct jobs_job *job)
{
    size_t root = job->root;

    for (size_t i = 0; i <= JOBS_FROM_DEPTH_MAX && plan->roots[root].kind == JOBS_ROOT_DERIVED; i++)
        root = plan->roots[root].base;
    return plan->roots[root].kind == JOBS_ROOT_HOST;
}

/* Says what a job depends on that no key can hold, or NULL. */
static const char *why_unknowable(const struct jobs_plan *plan, const struct jobs_job *job)
{
    if (job->network == JOBS_NETWORK_NAT || job->network == JOBS_NETWORK_HOST)
        return "what its network answers is not the same each time";
    if (job->network == JOBS_NETWORK_BRIDGE)
        return "what the jobs on its bridge answer is not the same each time";
    if (jobs_services_count(job) > 0)
        return "what its services answer is not the same each time";
    if (job->n_secrets > 0)
        return "what it does with a secret depends on its value, which is kept nowhere";
    if (is_over_host(plan, job))
        return "the host's own root changes without notice; name another 'rootfs'";
    if (jobs_takes_files(job))
        return "an input is another job's files";
    if (has_untrusted(job))
        return "an input is untrusted, and may change while it is read";
    return NULL;
}

/* Says what would be lost if the job did not run, or NULL. */
static const char *why_wanted(const struct jobs_job *job)
{
    if (job->artifacts.paths.patterns != NULL)
        return "its artifacts come from running it";
    if (job->checker != NULL)
        return job->checker->interactive ? "what its interactor says comes from running it"
                                         : "what its checker says comes from running it";
    if (jobs_leaves_tests(job))
        return "what its own tests say comes from running it";
    return NULL;
}

void results_resolve(struct loader *l)
{
    struct jobs_plan *plan = l->plan;

    if (!source_is_good(&l->source)) /* there may be cycles */
        return;
    for (size_t i = 0; i < plan->n_jobs; i++) {
        struct jobs_job *job = &plan->jobs[i];
        const char *why = job->caches_result ? why_wanted(job) : NULL;
        size_t at = i;

        for (; job->caches_result && why == NULL && at != JOBS_FROM_NOTHING;
             at = plan->jobs[at].from)
            if ((why = why_unknowable(plan, &plan->jobs[at])) != NULL)
                break;
        if (why == NULL)
            continue;
        job->caches_result = false; /* where `defaults` say it, it is for the jobs that it suits */
        if (l->refs[i].cache_result != NULL)
            problem_at(l, l->refs[i].cache_result,
                       "the result of job '%s' cannot be cached: %s%s%s%s", job->name,
                       at != i ? "of '" : "", at != i ? plan->jobs[at].name : "",
                       at != i ? "', which it starts from: " : "", why);
    }
}
