/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/counter: counts the instructions that a payload group executes in user mode, by perf
 * events, one a CPU: each counts while a process of the group runs there (perf_event_open(2),
 * PERF_FLAG_PID_CGROUP).
 *
 * Of the group, and not of a process and what inherits from it: an event of a process ends when
 * that one executes a file that it may not read (begin_new_exec() in fs/exec.c calls
 * perf_event_exit_task()), and any job can make itself such a file. No process leaves its group.
 *
 * Events are pinned: they count all the time or go into an error state, after which nothing can be
 * read of them any more. A count is never scaled up from a part of the time. */
#include "harness/cgroup/cgroup_private.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

struct cgroup_counter {
    size_t n;
    int fd[];
};

/* Opens the event of one CPU. In tests there is a stand-in for machines that count none: CPU time
 * in ns, by the same kind of events. */
static int open_event(int group, int cpu)
{
    bool stand_in = fault_wanted("task-clock");
    struct perf_event_attr attr = {.type = stand_in ? PERF_TYPE_SOFTWARE : PERF_TYPE_HARDWARE,
                                   .size = sizeof(attr),
                                   .config = stand_in ? (uint64_t)PERF_COUNT_SW_TASK_CLOCK
                                                      : (uint64_t)PERF_COUNT_HW_INSTRUCTIONS,
                                   .pinned = 1,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    int fd = (int)syscall(SYS_perf_event_open, &attr, group, cpu, -1,
                          PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* Whether the kernel says that a CPU is off: its event cannot be opened, and counts for nothing. */
static bool is_offline(int cpu)
{
    char path[64], text[4] = "";

    (void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
    return group_read(AT_FDCWD, NULL, path, text, sizeof(text)) > 0 && text[0] == '0';
}

static int open_all(int group, struct cgroup_counter **ret)
{
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    struct cgroup_counter *counter =
        xcalloc(1, sizeof(*counter) + (size_t)(cpus > 0 ? cpus : 0) * sizeof(counter->fd[0]));
    int r = cpus > 0 ? 0 : -ENODEV;

    for (int cpu = 0; r >= 0 && cpu < cpus; cpu++) {
        r = open_event(group, cpu);
        if (r >= 0)
            counter->fd[counter->n++] = r;
        else if (r == -ENODEV && is_offline(cpu))
            r = 0;
    }
    if (r >= 0 && counter->n > 0) {
        *ret = counter;
        return 0;
    }
    cgroup_counter_close(counter);
    return r < 0 ? r : -ENODEV;
}

int cgroup_counter_read(const struct cgroup_counter *counter, uint64_t *ret)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < counter->n; i++) {
        uint64_t one;
        ssize_t n;

        do
            n = read(counter->fd[i], &one, sizeof(one));
        while (n < 0 && errno == EINTR);
        if (n != (ssize_t)sizeof(one)) /* the end of file: it was not always counted */
            return n < 0 ? -errno : -EIO;
        sum += one;
    }
    *ret = sum;
    return 0;
}

void cgroup_counter_close(struct cgroup_counter *counter)
{
    for (size_t i = 0; counter != NULL && i < counter->n; i++)
        base_closep(&counter->fd[i]);
    free(counter);
}

int cgroup_counter_open(const struct cgroup_job *job, struct cgroup_counter **ret,
                        struct cupel_error *err)
{
    int r = -EOPNOTSUPP;

    for (size_t i = 0; i < job->run->count; i++) {
        const struct tree *tree = &job->run->tree[i];
        cleanup_close int group = -EBADF;

        if (!(tree->controllers & CTL_BIT(CTL_PERF)))
            continue;
        group = openat(tree->run_fd, job->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = group < 0 ? -errno : open_all(group, ret);
        break;
    }
    return r < 0
               ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot count the job's instructions")
               : 0;
}

/* ---- whether it can be had ---- */

/* Counts what is done by the groups of our own, which we are in. */
static int try_counting(const struct cgroup_host *host)
{
    struct cgroup_counter *counter;
    uint64_t counted = 0;
    int r = -EOPNOTSUPP;

    for (size_t i = 0; i < host->count; i++) {
        cleanup_close int group = -EBADF;

        if (!(host->hierarchy[i].controllers & CTL_BIT(CTL_PERF)))
            continue;
        group = open(host->hierarchy[i].own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = group < 0 ? -errno : open_all(group, &counter);
        break;
    }
    if (r < 0)
        return r;
    r = cgroup_counter_read(counter, &counted);
    cgroup_counter_close(counter);
    return r < 0 ? r : counted > 0 ? 0 : -ENODATA;
}

static void explain(int r, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r == -ENODATA ? 0 : r,
                          "cannot count instructions: %s",
                          r == -ENODATA ? "a counter of them stays at 0"
                                        : "perf_event_open (of the group's, on each CPU)");
    if (r == -EACCES || r == -EPERM)
        cupel_error_hint(err, "start cupel as root, or have root set the sysctl "
                              "kernel.perf_event_paranoid to 0; a container's filter may refuse "
                              "perf_event_open as well");
    else
        cupel_error_hint(err, "this processor, or the hypervisor, gives no hardware counters: use "
                              "a machine that does, or limit cpu-time in its place");
}

int cgroup_counter_check(const struct cgroup_host *host, struct cupel_error *err)
{
    int r = cgroup_host_has(host, CGROUP_INSTRUCTIONS)
                ? try_counting(host)
                : cgroup_explain_missing(host, CGROUP_INSTRUCTIONS, err);

    if (r < 0 && cgroup_host_has(host, CGROUP_INSTRUCTIONS))
        explain(r, err);
    return r;
}
