/* SPDX-License-Identifier: Apache-2.0 */
/* oom_order: whom the kernel takes first where memory runs out around a job, in a group around
 * cupel or on the whole machine: a process of the job, then its PID 1, then whoever else there is,
 * the harness among them. Else a job of many small processes, or of one that fills /dev/shm, would
 * have the kernel end the slot in its place.
 *
 * Commands inherit from PID 1, which has their value whenever it forks one, and a lower one of its
 * own while they run. Nobody goes below what a process with CAP_SYS_RESOURCE has set for them
 * (oom_score_adj_min, __set_oom_adj() in fs/proc/base.c); where cupel lacks that right, a job can
 * take back what it was given. Not responsible for whose fault it is: cgroup/around.c. */
#include "harness/sandbox/slot/oom_order.h"
#include "harness/sandbox/init/oom_score.h"
#include "harness/sandbox/sandbox.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <string.h>

/* A failure leaves an order that is less good, or means that PID 1 is gone, which its pidfd tells.
 */
static void put(const struct sandbox_job *job, int value)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", value);

    if (job->oom >= 0)
        (void)!pwrite(job->oom, text, (size_t)n, 0);
}

int sandbox_oom_own(void)
{
    cleanup_close int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    char text[16] = "";

    return fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ? 0 : (int)strtol(text, NULL, 10);
}

void sandbox_oom_stay(void)
{
    if (sandbox_oom_own() > 0)
        (void)file_put_at(AT_FDCWD, "/proc/self/oom_score_adj", "0");
}

void oom_order_begin(struct sandbox_job *job, int own)
{
    char path[48];

    if (weakened("oom-order"))
        return;
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)job->pid);
    job->oom = open(path, O_WRONLY | O_CLOEXEC);
    job->oom_init = (own + OOM_SCORE_OF_COMMANDS) / 2;
    oom_order_commands(job);
}

void oom_order_commands(const struct sandbox_job *job)
{
    put(job, OOM_SCORE_OF_COMMANDS);
}

void oom_order_init(const struct sandbox_job *job)
{
    put(job, job->oom_init);
}
