/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/brakes: what holds a group back without ending anything: rates of disk I/O, and the CPU
 * quota. No signal reaches a process that waits for its disk, and one without CPU time cannot even
 * die, so brakes are let go of whenever a group is to end, and put on again where a job has another
 * step to run. */
#include "harness/cgroup/cgroup_private.h"

#include <string.h>

/* Each device that has a line in the file ("8:0 1048576", "8:0 rbps=1048576 ..."), written again
 * without limit. */
static void lift_rates(int dirfd, const char *group, const char *file, const char *unlimited)
{
    char text[LIMIT_TEXT_SIZE];
    const char *line = text;

    if (group_read(dirfd, group, file, text, sizeof(text)) < 0)
        return;
    while (*line != '\0') {
        int n = (int)strcspn(line, " \n");
        char order[128];

        (void)snprintf(order, sizeof(order), "%.*s %s", n, line, unlimited);
        (void)group_write(dirfd, group, file, order); /* at worst it takes its time */
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

static void lift(int dirfd, const char *group, const struct hierarchy_ops *ops,
                 unsigned controllers)
{
    if (controllers & CTL_BIT(CTL_CPU))
        (void)group_write(dirfd, group, ops->quota_file, ops->quota_unlimited);
    for (size_t i = 0; (controllers & CTL_BIT(CTL_IO)) && ops->io_files[i] != NULL; i++)
        lift_rates(dirfd, group, ops->io_files[i], ops->io_unlimited);
}

/* Lifts the brakes of a group of which nothing is known except that it is to end, by whatever files
 * it has. */
void brakes_lift_all(int dirfd)
{
    lift(dirfd, NULL, &v1_ops, CTL_BIT(CTL_CPU) | CTL_BIT(CTL_IO));
    lift(dirfd, NULL, &v2_ops, CTL_BIT(CTL_CPU) | CTL_BIT(CTL_IO));
}

static unsigned brakes_of(const struct cgroup_job *job)
{
    unsigned set = job->brakes.cpu_millicores != UINT64_MAX ? CTL_BIT(CTL_CPU) : 0;

    return set | (job->brakes.n_disks > 0 ? CTL_BIT(CTL_IO) : 0);
}

void cgroup_job_lift_brakes(struct cgroup_job *job)
{
    unsigned set = job->lifted ? 0 : brakes_of(job);

    for (size_t i = 0; set != 0 && i < job->run->count; i++)
        lift(job->run->tree[i].run_fd, job->name, job->run->tree[i].ops,
             job->run->tree[i].controllers & set);
    job->lifted = true;
}

int cgroup_job_set_brakes(struct cgroup_job *job, struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; job->lifted && brakes_of(job) != 0 && r == 0 && i < job->run->count; i++)
        if (job->run->tree[i].controllers & brakes_of(job))
            r = group_set_limits(&job->run->tree[i], job->name, &job->brakes, job->run, err);
    if (r == 0)
        job->lifted = false;
    return r;
}
