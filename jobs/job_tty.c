/* SPDX-License-Identifier: Apache-2.0 */
/* job_tty: `cgroup-view`, and `tty`: output through a terminal of the job's own, and what does not
 * go with it. */
#include "jobs/load.h"

void key_set_tty(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;

    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else
        (void)value_bool(l, value, k->name, &d->job.tty);
}

void key_set_cgroup_view(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    (void)value_bool(l, value, k->name, &((struct draft *)object)->job.cgroup_view);
}

/* Refuses a limit of what never comes. */
static void check_limits(struct loader *l, const struct draft *d)
{
    bool is_set = jobs_limit_is_set(&d->job.limits, JOBS_LIMIT_STDERR);

    for (size_t i = 0; i < d->job.n_steps; i++)
        is_set |= jobs_limit_is_set(&d->job.steps[i].limits, JOBS_LIMIT_STDERR);
    if (is_set)
        problem_at(l, d->name,
                   "job '%s' has 'tty', where standard error is what standard output is: limit all "
                   "of it with 'output'",
                   d->name->text);
}

void tty_check(struct loader *l, const struct draft *d)
{
    if (!d->job.tty)
        return;
    check_limits(l, d);
    if (((d->job.devices >> JOBS_DEVICE_PTS) & 1u) == 0)
        problem_at(l, d->name, "job '%s' has 'tty', and 'devices' without 'pts', where it would be",
                   d->name->text);
    if (d->job.capture == JOBS_CAPTURE_FILE)
        problem_at(l, d->name, "job '%s' has 'tty' and 'capture: file': its output is one of them",
                   d->name->text);
    for (size_t i = 0; i < d->job.n_steps; i++)
        if (d->job.steps[i].expect.stderr_text != NULL ||
            d->job.steps[i].expect.stderr_file.path != NULL) {
            problem_at(
                l, d->name,
                "job '%s' has 'tty', where standard error is what standard output is: expect "
                "all of it in 'stdout'",
                d->name->text);
            return;
        }
}
