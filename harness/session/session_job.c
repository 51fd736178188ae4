/* SPDX-License-Identifier: Apache-2.0 */
/* session_job: see session_job.h. */
#include "harness/session/session_job.h"

#include <string.h>

/* Makes a bridge that has no other job: the job's neighbours do not run. */
static void make_own_bridge(struct session_job *s)
{
    s->bridge = (struct jobs_bridge){
        .name = s->plan.bridges[s->job->bridge].name, .members = &s->bridge_member, .n_members = 1};
    s->plan.bridges = &s->bridge;
    s->plan.n_bridges = 1;
    s->job->bridge = s->job->bridge_member = 0;
}

/* Takes away what only a job that runs has to do with. */
static void stand_still(struct jobs_job *base)
{
    base->services = NULL;
    base->n_secrets = 0;
    base->network = JOBS_NETWORK_LOOPBACK;
    base->limits = (struct jobs_limits){0};
}

/* Marks those of whose files the job is made. */
static void mark_bases(const struct jobs_job *job, bool *marks)
{
    if (job->from != JOBS_FROM_NOTHING)
        marks[job->from] = true;
    for (size_t i = 0; i < job->n_inputs; i++)
        if (job->inputs[i].job > 0)
            marks[job->inputs[i].job - 1] = true;
}

/* Has the job name others by their numbers in the session's plan. */
static void renumber(struct jobs_job *job, const size_t *number_of, struct arena *arena)
{
    struct jobs_input *inputs;

    job->n_needs = 0;
    if (job->from != JOBS_FROM_NOTHING)
        job->from = number_of[job->from];
    if (!jobs_takes_files(job))
        return;
    inputs = arena_alloc(arena, job->n_inputs * sizeof(*inputs));
    memcpy(inputs, job->inputs, job->n_inputs * sizeof(*inputs));
    for (size_t i = 0; i < job->n_inputs; i++)
        if (inputs[i].job > 0)
            inputs[i].job = number_of[inputs[i].job - 1] + 1;
    job->inputs = inputs;
}

/* Makes the jobs of whose files this one is made; they run as ever, without what is only of use in
 * reports. Returns how many there are, and says in *number_of which is which. */
static size_t make_bases(struct session_job *s, const struct jobs_plan *plan,
                         const struct jobs_job *job, bool kept, size_t *number_of)
{
    cleanup_free size_t *order = xcalloc(plan->n_jobs + 1, sizeof(*order));
    cleanup_free bool *marks = xcalloc(plan->n_jobs + 1, sizeof(*marks));
    size_t n = 0;

    jobs_order(plan, order);
    mark_bases(job, marks);
    for (size_t i = plan->n_jobs; i-- > 0;)
        if (marks[order[i]])
            mark_bases(&plan->jobs[order[i]], marks);
    for (size_t i = 0; i < plan->n_jobs && !s->has_more; i++) {
        struct jobs_job *base = &s->jobs[n];

        if (!marks[order[i]])
            continue;
        s->has_more = n + 1 == SESSION_JOBS_MAX;
        if (s->has_more)
            break;
        number_of[order[i]] = n++;
        *base = plan->jobs[order[i]];
        base->artifacts.paths.patterns = NULL;
        memset(base->tests, 0, sizeof(base->tests));
        base->coverage = (struct jobs_coverage){0};
        base->checker = NULL;
        renumber(base, number_of, plan->arena);
        if (kept)
            stand_still(base);
    }
    return n;
}

void session_job_make(struct session_job *s, const struct jobs_plan *plan,
                      const struct jobs_job *job, bool kept)
{
    cleanup_free size_t *number_of = xcalloc(plan->n_jobs + 1, sizeof(*number_of));
    bool alone = job->from == JOBS_FROM_NOTHING && !jobs_takes_files(job);
    size_t n_bases;

    s->has_more = false;
    n_bases = alone ? 0 : make_bases(s, plan, job, kept, number_of);
    s->job = &s->jobs[n_bases];
    *s->job = *job;
    renumber(s->job, number_of, plan->arena);
    s->plan = *plan;
    s->plan.jobs = s->jobs;
    s->plan.n_jobs = n_bases + 1;
    if (s->job->network == JOBS_NETWORK_BRIDGE)
        make_own_bridge(s);
}

int session_job_check(const struct session_job *s, struct cupel_error *err)
{
    if (s->has_more) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "job '%s' is made of the files of more than %d jobs, which would all "
                              "have to run first",
                              s->job->name, SESSION_JOBS_MAX - 1);
        return -EINVAL;
    }
    for (const struct jobs_job *base = s->jobs; base < s->job; base++)
        if (base->network == JOBS_NETWORK_BRIDGE) {
            (void)cupel_error_set(
                err, CUPEL_ERROR_INPUT, 0,
                "job '%s' is made of what '%s' leaves, which runs on a bridge with others only",
                s->job->name, base->name);
            cupel_error_hint(err, "while it runs, cupel enter '%s'", s->job->name);
            return -EINVAL;
        }
    return 0;
}

int session_job_open_logs(const struct session_job *s, struct run *run, struct cupel_error *err)
{
    cleanup_free char *path = NULL;

    if (s->plan.n_jobs == 1 && run->n_services == 0)
        return 0;
    path = xasprintf("/proc/self/fd/%d/session", run->dirfd);
    return reports_out_open(path, &run->out, err);
}
