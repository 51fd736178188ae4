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

/* Makes the jobs that this one starts from; they run as ever, without what is only of use in
 * reports. Returns how many there are. */
static size_t make_bases(struct session_job *s, const struct jobs_job *of_file,
                         const struct jobs_job *job, bool kept)
{
    size_t n = job->depth;

    for (size_t i = n, at = job->from; i-- > 0; at = of_file[at].from) {
        s->jobs[i] = of_file[at];
        s->jobs[i].n_needs = 0;
        s->jobs[i].artifacts.paths.patterns = NULL;
        memset(s->jobs[i].tests, 0, sizeof(s->jobs[i].tests));
        s->jobs[i].coverage = (struct jobs_coverage){0};
        s->jobs[i].from = i > 0 ? i - 1 : JOBS_FROM_NOTHING;
        if (kept)
            stand_still(&s->jobs[i]);
    }
    return n;
}

void session_job_make(struct session_job *s, const struct jobs_plan *plan,
                      const struct jobs_job *job, bool kept)
{
    size_t n_bases = make_bases(s, plan->jobs, job, kept);

    s->job = &s->jobs[n_bases];
    *s->job = *job;
    s->job->n_needs = 0;
    s->job->from = n_bases > 0 ? n_bases - 1 : JOBS_FROM_NOTHING;
    s->plan = *plan;
    s->plan.jobs = s->jobs;
    s->plan.n_jobs = n_bases + 1;
    if (s->job->network == JOBS_NETWORK_BRIDGE)
        make_own_bridge(s);
}

int session_job_check(const struct session_job *s, struct cupel_error *err)
{
    for (const struct jobs_job *job = s->jobs; job <= s->job; job++)
        if (jobs_takes_files(job)) {
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                  "job '%s' has an input that is another job's files, which are "
                                  "there in a run only",
                                  job->name);
            cupel_error_hint(err, "while it runs, cupel enter '%s'", s->job->name);
            return -EINVAL;
        }
    for (const struct jobs_job *base = s->jobs; base < s->job; base++)
        if (base->network == JOBS_NETWORK_BRIDGE) {
            (void)cupel_error_set(
                err, CUPEL_ERROR_INPUT, 0,
                "job '%s' starts from what '%s' leaves, which runs on a bridge with others only",
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
