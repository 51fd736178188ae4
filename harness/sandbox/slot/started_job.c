/* SPDX-License-Identifier: Apache-2.0 */
/* started_job: what the slot does with a job that has been started: orders and signals to PID 1,
 * its end, and what it has used of the disk. Not responsible for what PID 1 says (listen.c), for
 * what is kept of it (keep.c, snapshot.c), nor for taking away the rest (finish.c). */
#include "harness/sandbox/init/command.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/namespaces.h"
#include "harness/sandbox/slot/network.h"
#include "harness/sandbox/slot/refusals.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"
#include "harness/sandbox/slot/upper.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

void sandbox_continue(struct sandbox_job *job)
{
    const char order = INIT_ORDER_GO;

    /* a failure means that PID 1 is gone, which its pidfd tells */
    (void)send(job->control, &order, 1, MSG_NOSIGNAL);
}

void sandbox_continue_at(struct sandbox_job *job, unsigned step, const char *verdict)
{
    struct init_order order = {.order = INIT_ORDER_STEP, .step = step};

    (void)snprintf(order.verdict, sizeof(order.verdict), "%s", verdict != NULL ? verdict : "");
    job->talk.step = step;
    (void)send(job->control, &order, sizeof(order), MSG_NOSIGNAL);
}

void sandbox_end_commands(struct sandbox_job *job)
{
    const char order = INIT_ORDER_END;

    (void)send(job->control, &order, 1, MSG_NOSIGNAL);
}

void sandbox_terminate(struct sandbox_job *job)
{
    (void)syscall(SYS_pidfd_send_signal, job->pidfd, SIGTERM, NULL, 0);
}

void sandbox_kill(struct sandbox_job *job)
{
    (void)syscall(SYS_pidfd_send_signal, job->pidfd, SIGKILL, NULL, 0);
}

/* Reads its CPU clock (clock_getcpuclockid(3)), which takes one call where the files of /proc take
 * three. */
int sandbox_init_cpu_ns(const struct sandbox_job *job, uint64_t *ret_ns)
{
    struct timespec t;
    clockid_t clock;

    if (job->pid <= 0 || clock_getcpuclockid(job->pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        return -ESRCH;
    *ret_ns = (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
    return 0;
}

/* The kernel counts the pages of a process on each CPU, and sums that up when there are some dozens
 * (percpu_counter_read_positive() in get_mm_counter()). */
#define MAX_RSS_SLACK ((uint64_t)256 << 10)

/* Tells nothing of a program that is smaller than PID 1: before its execve a command has that one's
 * memory, or a copy, whose size counts as its own ever since (exec_mmap(), fs/exec.c). Nor of what
 * PID 1 has not waited for, being killed itself: those are nobody's then (zap_pid_ns_processes(),
 * kernel/pid_namespace.c). */
bool sandbox_max_rss(const struct sandbox_job *job, uint64_t *ret_bytes)
{
    if (job->max_rss_init == 0 || job->max_rss <= job->max_rss_init + MAX_RSS_SLACK)
        return false;
    *ret_bytes = job->max_rss;
    return true;
}

/* Returns what command.c sets: no more than whoever started cupel lets anyone have. */
uint64_t sandbox_stack_default(void)
{
    struct rlimit inherited;

    if (getrlimit(RLIMIT_STACK, &inherited) < 0)
        return 0;
    return inherited.rlim_max < JOB_STACK ? inherited.rlim_max : JOB_STACK;
}

void sandbox_reap(struct sandbox_job *job)
{
    if (job->pid <= 0)
        return;
    namespaces_release(job); /* or what is mounted there would outlive it */
    while (waitpid(job->pid, &job->ended, 0) < 0 && errno == EINTR)
        ;
    job->pid = -1;
    network_disconnect(job);
}

int sandbox_open_network(const struct sandbox_job *job)
{
    int held = namespaces_network(job), fd;

    if (held < 0)
        return network_open_namespace(job->pid, "net");
    fd = fcntl(held, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int sandbox_disk_usage(const struct sandbox_stage *stage, const struct sandbox_job *job,
                       struct sandbox_disk *ret_disk)
{
    uint64_t used, inodes;
    int r = upper_statistics(stage->upper, &used, &inodes);

    if (r < 0)
        return r;
    ret_disk->bytes = used > job->disk_before ? used - job->disk_before : 0;
    ret_disk->inodes = inodes > job->inodes_before ? inodes - job->inodes_before : 0;
    ret_disk->bytes_left = upper_left(stage->upper, stage->upper->bytes, ret_disk->bytes);
    ret_disk->inodes_left = upper_left(stage->upper, stage->upper->inodes, ret_disk->inodes);
    ret_disk->bytes_full = upper_is_full(stage->upper, ret_disk->bytes);
    ret_disk->inodes_full = upper_has_no_inodes(stage->upper, ret_disk->inodes);
    return 0;
}

int sandbox_store_left(const struct sandbox_stage *stage, struct sandbox_disk *ret_left)
{
    return stage->upper != NULL ? upper_store_left(stage->upper, ret_left) : -ENODATA;
}

void sandbox_disk_refusals(const struct sandbox_stage *stage, const struct sandbox_job *job,
                           uint64_t *ret_writes, uint64_t *ret_inodes)
{
    refusals_count(&stage->refusals, ret_writes, ret_inodes);
    *ret_writes -= job->writes_refused_before;
    *ret_inodes -= job->inodes_refused_before;
}

int sandbox_open_root(struct sandbox_stage *stage, const struct sandbox_job *job)
{
    int fd, r;

    if (setns(job->mount_ns, CLONE_NEWNS) < 0)
        return -errno;
    fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    r = fd < 0 ? -errno : 0;
    stage_leave(stage);
    return r < 0 ? r : fd;
}
