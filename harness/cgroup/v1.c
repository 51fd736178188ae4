/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/v1: which files of the v1 controllers hold the limits and tell the figures, and how an OOM
 * kill is heard of. Does not decide which hierarchies are used (detect.c). Documents:
 * Documentation/admin-guide/cgroup-v1/ (memory.rst, cpuacct.rst, blkio-controller.rst, pids.rst),
 * Documentation/scheduler/sched-bwc.rst. */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>

/* ---- limits ---- */

/* No machine has 10,000 cores; beyond some 17 s a period the kernel refuses the quota. */
#define CPU_MILLICORES_MEANINGLESS UINT64_C(10000000)

/* The kernel's least quota is 1 ms: below a hundredth of a core, only a longer period can say it.
 */
static uint64_t cpu_period_us(uint64_t millicores)
{
    return millicores < 10 ? 1000000 : 100000;
}

static bool render_period(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    if (l->cpu_millicores >= 10) /* new groups have 100 ms already: one write less a job */
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%" PRIu64, cpu_period_us(l->cpu_millicores));
    return true;
}

static bool render_quota(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    if (l->cpu_millicores >= CPU_MILLICORES_MEANINGLESS)
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%" PRIu64,
             l->cpu_millicores * cpu_period_us(l->cpu_millicores) / 1000);
    return true;
}

/* Renders the limit of memsw, which counts memory and swap together. */
static bool render_memsw(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    uint64_t both;

    if (l->memory_bytes == UINT64_MAX || l->swap_bytes == UINT64_MAX ||
        __builtin_add_overflow(l->memory_bytes, l->swap_bytes, &both) || both > INT64_MAX)
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%" PRIu64, both);
    return true;
}

/* Renders a rate, of which 0 would mean no limit. */
static bool render_rate(uint64_t rate, dev_t disk, char text[static LIMIT_TEXT_SIZE])
{
    if (rate == UINT64_MAX)
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%u:%u %" PRIu64, major(disk), minor(disk), rate);
    return true;
}

static bool render_read_bps(const struct cgroup_limits *l, dev_t disk,
                            char text[static LIMIT_TEXT_SIZE])
{
    return render_rate(l->io[CGROUP_READ_BPS], disk, text);
}

static bool render_write_bps(const struct cgroup_limits *l, dev_t disk,
                             char text[static LIMIT_TEXT_SIZE])
{
    return render_rate(l->io[CGROUP_WRITE_BPS], disk, text);
}

static bool render_read_iops(const struct cgroup_limits *l, dev_t disk,
                             char text[static LIMIT_TEXT_SIZE])
{
    return render_rate(l->io[CGROUP_READ_IOPS], disk, text);
}

static bool render_write_iops(const struct cgroup_limits *l, dev_t disk,
                              char text[static LIMIT_TEXT_SIZE])
{
    return render_rate(l->io[CGROUP_WRITE_IOPS], disk, text);
}

static const char *const v1_io_files[] = {
    "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
    "blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device", NULL};

static const struct limit_file v1_limits[] = {
    {CTL_PIDS, CGROUP_PIDS_LIMIT, "pids.max", render_pids, 0, NULL, "max"},
    /* memory before memsw: the kernel refuses a memsw below memory. */
    {CTL_MEMORY, CGROUP_MEMORY_LIMIT, "memory.limit_in_bytes", render_memory, 0, NULL, "-1"},
    {CTL_MEMORY, CGROUP_SWAP_LIMIT, "memory.memsw.limit_in_bytes", render_memsw, 0, NULL, "-1"},
    /* v1 counts the buffers of TCP sockets by themselves, and only with a limit of theirs; without,
     * a job of 64 MiB held 2 GiB in them. A kernel without the file has no such buffers outside the
     * group's memory. */
    {CTL_MEMORY, CGROUP_MEMORY_LIMIT, "memory.kmem.tcp.limit_in_bytes", render_memory, ENOENT, NULL,
     "-1"},
    {CTL_CPU, CGROUP_CPU_QUOTA, "cpu.cfs_period_us", render_period, 0, NULL, "100000"},
    /* EINVAL, with values in range: a group above has less already (v1 wants children to be within
     * their parents' quota, where v2 just takes the least). What was asked, "at most so much",
     * holds then. */
    {CTL_CPU, CGROUP_CPU_QUOTA, "cpu.cfs_quota_us", render_quota, EINVAL, NULL, "-1"},
    {CTL_CPUSET, CGROUP_CPUSET, "cpuset.cpus", render_cpus, 0, NULL, NULL},
    {CTL_CPUSET, CGROUP_CPUSET, "cpuset.mems", render_mems, 0, NULL, NULL},
    {CTL_IO, CGROUP_IO_LIMIT, "blkio.throttle.read_bps_device", NULL, 0, render_read_bps, "0"},
    {CTL_IO, CGROUP_IO_WRITE_LIMIT, "blkio.throttle.write_bps_device", NULL, 0, render_write_bps,
     "0"},
    {CTL_IO, CGROUP_IO_LIMIT, "blkio.throttle.read_iops_device", NULL, 0, render_read_iops, "0"},
    {CTL_IO, CGROUP_IO_WRITE_LIMIT, "blkio.throttle.write_iops_device", NULL, 0, render_write_iops,
     "0"},
};

/* ---- figures ---- */

#define USER_HZ_NS                                                                                 \
    10000000 /* cpuacct.stat counts in USER_HZ, which is 100 in every Linux ABI but Alpha's */

static const struct figure_file v1_figures[] = {
    {CTL_PIDS, "pids.current", FORMAT_NUMBER, NULL, CGROUP_PIDS, 1},
    {CTL_PIDS, "pids.peak", FORMAT_NUMBER, NULL, CGROUP_PIDS_PEAK, 1},
    {CTL_PIDS, "pids.events", FORMAT_KEYED, "max", CGROUP_PIDS_REFUSED, 1},
    {CTL_MEMORY, "memory.usage_in_bytes", FORMAT_NUMBER, NULL, CGROUP_MEMORY_BYTES, 1},
    {CTL_MEMORY, "memory.max_usage_in_bytes", FORMAT_NUMBER, NULL, CGROUP_MEMORY_PEAK_BYTES, 1},
    {CTL_MEMORY, "memory.oom_control", FORMAT_KEYED, "oom_kill", CGROUP_OOM_KILLS, 1},
    /* counted by some kernels (not by 6.18) */
    {CTL_MEMORY, "memory.failcnt", FORMAT_NUMBER, NULL, CGROUP_MEMORY_RECLAIMS, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "rss", CGROUP_MEMORY_ANONYMOUS_BYTES, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "shmem", CGROUP_MEMORY_SHARED_BYTES, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "pgmajfault", CGROUP_MAJOR_FAULTS, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "workingset_refault_file", CGROUP_REFAULTS_FILE, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "workingset_refault_anon", CGROUP_REFAULTS_ANONYMOUS,
     1},
    {CTL_MEMORY, "memory.kmem.usage_in_bytes", FORMAT_NUMBER, NULL, CGROUP_MEMORY_KERNEL_BYTES, 1},
    {CTL_CPU, "cpu.stat", FORMAT_KEYED, "throttled_time", CGROUP_THROTTLED_NS, 1},
    {CTL_CPU, "cpu.stat", FORMAT_KEYED, "nr_throttled", CGROUP_THROTTLED_PERIODS, 1},
    /* only with kernel.sched_schedstats on (CONFIG_SCHEDSTATS) */
    {CTL_CPU, "cpu.stat", FORMAT_KEYED, "wait_sum", CGROUP_RUN_QUEUE_WAIT_NS, 1},
    {CTL_CPUACCT, "cpuacct.usage", FORMAT_NUMBER, NULL, CGROUP_CPU_NS, 1},
    {CTL_CPUACCT, "cpuacct.usage_user", FORMAT_NUMBER, NULL, CGROUP_USER_NS, 1},
    {CTL_CPUACCT, "cpuacct.usage_sys", FORMAT_NUMBER, NULL, CGROUP_SYSTEM_NS, 1},
    {CTL_CPUACCT, "cpuacct.stat", FORMAT_KEYED, "user", CGROUP_USER_NS, USER_HZ_NS},
    {CTL_CPUACCT, "cpuacct.stat", FORMAT_KEYED, "system", CGROUP_SYSTEM_NS, USER_HZ_NS},
    {CTL_IO, "blkio.throttle.io_service_bytes_recursive", FORMAT_DEVICES, "Read", CGROUP_READ_BYTES,
     1},
    {CTL_IO, "blkio.throttle.io_service_bytes_recursive", FORMAT_DEVICES, "Write",
     CGROUP_WRITTEN_BYTES, 1},
    {CTL_IO, "blkio.throttle.io_service_bytes", FORMAT_DEVICES, "Read", CGROUP_READ_BYTES, 1},
    {CTL_IO, "blkio.throttle.io_service_bytes", FORMAT_DEVICES, "Write", CGROUP_WRITTEN_BYTES, 1},
    {CTL_IO, "blkio.throttle.io_serviced_recursive", FORMAT_DEVICES, "Read", CGROUP_READ_OPERATIONS,
     1},
    {CTL_IO, "blkio.throttle.io_serviced_recursive", FORMAT_DEVICES, "Write",
     CGROUP_WRITE_OPERATIONS, 1},
    {CTL_IO, "blkio.throttle.io_serviced", FORMAT_DEVICES, "Read", CGROUP_READ_OPERATIONS, 1},
    {CTL_IO, "blkio.throttle.io_serviced", FORMAT_DEVICES, "Write", CGROUP_WRITE_OPERATIONS, 1},
};

/* ---- the rest ---- */

/* Switches use_hierarchy on in the run's group while that has no children; new groups inherit it.
 * Before 5.11, a group without it keeps its children's usage from its own parents', so that a limit
 * above us would not see our jobs. */
static int use_hierarchy(struct tree *tree, struct cupel_error *err)
{
    char text[32];
    ssize_t n;
    int r;

    if (!(tree->controllers & CTL_BIT(CTL_MEMORY)))
        return 0;
    n = group_read(tree->run_fd, NULL, "memory.use_hierarchy", text, sizeof(text));
    if (n < 0 || text[0] != '0')
        return 0;
    r = group_write(tree->run_fd, NULL, "memory.use_hierarchy", "1");
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot write \"1\" to %s/memory.use_hierarchy", tree->path);
    return 0;
}

/* A new cpuset is empty, and takes nobody in until it has CPUs and memory nodes: ours starts with
 * all that our own group may use, and hands that down to those made in it (cgroup.clone_children),
 * so that a job costs one write. Looked for on every hierarchy: cpuset may be co-mounted with what
 * we use, and asks for this then too. */
static int clone_cpuset(struct tree *tree, struct cupel_error *err)
{
    static const char *const files[][3] = {{"cpuset.cpus", "cpuset.effective_cpus", "cpuset.cpus"},
                                           {"cpuset.mems", "cpuset.effective_mems", "cpuset.mems"}};
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char text[4096];
        ssize_t n = group_read(tree->own_fd, NULL, files[i][1], text, sizeof(text));

        if (n == -ENOENT) /* before 3.17 */
            n = group_read(tree->own_fd, NULL, files[i][2], text, sizeof(text));
        if (n == -ENOENT)
            return 0; /* no cpuset here */
        r = n < 0 ? (int)n : group_write(tree->run_fd, NULL, files[i][0], text);
        if (r < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write %s/%s", tree->path,
                                   files[i][0]);
    }
    r = group_write(tree->run_fd, NULL, "cgroup.clone_children", "1");
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot write \"1\" to %s/cgroup.clone_children", tree->path);
    return 0;
}

static int v1_prepare(struct tree *tree, struct cupel_error *err)
{
    int r = use_hierarchy(tree, err);

    return r < 0 ? r : clone_cpuset(tree, err);
}

static int v1_retire(struct tree *tree, struct cupel_error *err)
{
    (void)tree;
    (void)err;
    return 0;
}

/* memory.rst, 10. OOM Control: "<eventfd> <fd of memory.oom_control>" into cgroup.event_control.
 * Kernels without v1's event code (PREEMPT_RT) have no such file or refuse: then there is no early
 * notice, and oom_kill tells at the end. */
int v1_oom_event(int dirfd, const char *group)
{
    char path[GROUP_PATH_SIZE], text[32];
    cleanup_close int control = -EBADF;
    cleanup_close int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (event < 0)
        return -EBADF;
    control = openat(dirfd, group_path(path, group, "memory.oom_control"), O_RDONLY | O_CLOEXEC);
    if (control < 0)
        return -EBADF;
    snprintf(text, sizeof(text), "%d %d", event, control);
    if (group_write(dirfd, group, "cgroup.event_control", text) < 0)
        return -EBADF;
    return steal_fd(&event);
}

static int v1_oom_open(const struct tree *tree, const char *name, short *ret_events)
{
    *ret_events = POLLIN;
    return v1_oom_event(tree->run_fd, name);
}

const struct hierarchy_ops v1_ops = {
    .version = 1,
    .limits = v1_limits,
    .limit_count = ARRAY_SIZE(v1_limits),
    .figures = v1_figures,
    .figure_count = ARRAY_SIZE(v1_figures),
    .prepare = v1_prepare,
    .retire = v1_retire,
    .oom_open = v1_oom_open,
    .io_files = v1_io_files,
    .io_unlimited = "0",
    .quota_file = "cpu.cfs_quota_us",
    .quota_unlimited = "-1",
    .oom_file = "memory.oom_control",
    .threads_file = "tasks",
    /* Not cgroup.procs: that takes cgroup_threadgroup_rwsem for writing, and where nobody has for
     * some time the kernel waits for an RCU grace period first (7 to 17 ms at HZ 250). A thread
     * that moves itself ("0") by this file takes no such lock (cgroup_procs_write_start() in
     * kernel/cgroup/cgroup.c). */
    .enter_file = "tasks",
};
