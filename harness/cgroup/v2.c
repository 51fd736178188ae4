/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/v2: which files hold the limits and tell the figures, how an OOM kill is heard of, and how
 * controllers get down to the jobs in spite of the no-internal-process rule. Does not decide
 * whether v2 is used (detect.c). Document: Documentation/admin-guide/cgroup-v2.rst. */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define SUPERVISOR_LEAF "supervisor"

/* ---- limits ---- */

static bool render_cpu(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    /* The least quota is 1 ms: below a hundredth of a core, only a longer period can say it. Above
     * 10,000 cores there is nothing to limit, and the kernel refuses the number. */
    uint64_t period = l->cpu_millicores < 10 ? 1000000 : 100000;

    if (l->cpu_millicores >= UINT64_C(10000000))
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%" PRIu64 " %" PRIu64, l->cpu_millicores * period / 1000,
             period);
    return true;
}

static bool render_swap(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    if (l->memory_bytes == UINT64_MAX || l->swap_bytes == UINT64_MAX)
        return false;
    snprintf(text, LIMIT_TEXT_SIZE, "%" PRIu64, l->swap_bytes);
    return true;
}

static bool render_oom_group(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE])
{
    if (l->memory_bytes == UINT64_MAX)
        return false;
    memcpy(text, "1", 2);
    return true;
}

/* One line a disk: "8:0 rbps=1048576 wiops=100". What is not named stays as it is, without limit.
 */
static bool render_io(const struct cgroup_limits *l, dev_t disk, char text[static LIMIT_TEXT_SIZE])
{
    static const char *const keys[CGROUP_IO_COUNT] = {"rbps", "wbps", "riops", "wiops"};
    int n = snprintf(text, LIMIT_TEXT_SIZE, "%u:%u", major(disk), minor(disk)), none = n;

    for (size_t i = 0; i < CGROUP_IO_COUNT; i++)
        if (l->io[i] != UINT64_MAX)
            n += snprintf(text + n, LIMIT_TEXT_SIZE - (size_t)n, " %s=%" PRIu64, keys[i], l->io[i]);
    return n > none;
}

#define IO_NONE "rbps=max wbps=max riops=max wiops=max"

static const char *const v2_io_files[] = {"io.max", NULL};

static const struct limit_file v2_limits[] = {
    {CTL_PIDS, CGROUP_PIDS_LIMIT, "pids.max", render_pids, 0, NULL, "max"},
    {CTL_MEMORY, CGROUP_MEMORY_LIMIT, "memory.max", render_memory, 0, NULL, "max"},
    {CTL_MEMORY, CGROUP_SWAP_LIMIT, "memory.swap.max", render_swap, 0, NULL, "max"},
    /* Absent before 4.19: then the kernel kills one process, and the supervisor, on hearing of it,
       the rest. */
    {CTL_MEMORY, CGROUP_MEMORY_LIMIT, "memory.oom.group", render_oom_group, ENOENT, NULL, "0"},
    {CTL_CPU, CGROUP_CPU_QUOTA, "cpu.max", render_cpu, 0, NULL, "max"},
    {CTL_CPUSET, CGROUP_CPUSET, "cpuset.cpus", render_cpus, 0, NULL, NULL},
    {CTL_CPUSET, CGROUP_CPUSET, "cpuset.mems", render_mems, 0, NULL, NULL},
    {CTL_IO, CGROUP_IO_LIMIT, "io.max", NULL, 0, render_io, IO_NONE},
};

/* ---- figures ---- */

/* cpu.stat's usage lines are there without the cpu controller; its throttling lines only with it.
 */
static const struct figure_file v2_figures[] = {
    {CTL_PIDS, "pids.current", FORMAT_NUMBER, NULL, CGROUP_PIDS, 1},
    {CTL_PIDS, "pids.peak", FORMAT_NUMBER, NULL, CGROUP_PIDS_PEAK, 1},
    {CTL_PIDS, "pids.events", FORMAT_KEYED, "max", CGROUP_PIDS_REFUSED, 1},
    {CTL_MEMORY, "memory.current", FORMAT_NUMBER, NULL, CGROUP_MEMORY_BYTES, 1},
    {CTL_MEMORY, "memory.peak", FORMAT_NUMBER, NULL, CGROUP_MEMORY_PEAK_BYTES, 1},
    {CTL_MEMORY, "memory.events", FORMAT_KEYED, "oom_kill", CGROUP_OOM_KILLS, 1},
    {CTL_MEMORY, "memory.events", FORMAT_KEYED, "max", CGROUP_MEMORY_RECLAIMS, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "anon", CGROUP_MEMORY_ANONYMOUS_BYTES, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "shmem", CGROUP_MEMORY_SHARED_BYTES, 1},
    /* since 5.18 */
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "kernel", CGROUP_MEMORY_KERNEL_BYTES, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "sock", CGROUP_MEMORY_SOCKET_BYTES, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "pgmajfault", CGROUP_MAJOR_FAULTS, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "workingset_refault_file", CGROUP_REFAULTS_FILE, 1},
    {CTL_MEMORY, "memory.stat", FORMAT_KEYED, "workingset_refault_anon", CGROUP_REFAULTS_ANONYMOUS,
     1},
    {CTL_CPUACCT, "cpu.stat", FORMAT_KEYED, "usage_usec", CGROUP_CPU_NS, NSEC_PER_USEC},
    {CTL_CPUACCT, "cpu.stat", FORMAT_KEYED, "user_usec", CGROUP_USER_NS, NSEC_PER_USEC},
    {CTL_CPUACCT, "cpu.stat", FORMAT_KEYED, "system_usec", CGROUP_SYSTEM_NS, NSEC_PER_USEC},
    {CTL_CPU, "cpu.stat", FORMAT_KEYED, "throttled_usec", CGROUP_THROTTLED_NS, NSEC_PER_USEC},
    {CTL_CPU, "cpu.stat", FORMAT_KEYED, "nr_throttled", CGROUP_THROTTLED_PERIODS, 1},
    {CTL_IO, "io.stat", FORMAT_PAIRS, "rbytes", CGROUP_READ_BYTES, 1},
    {CTL_IO, "io.stat", FORMAT_PAIRS, "wbytes", CGROUP_WRITTEN_BYTES, 1},
    {CTL_IO, "io.stat", FORMAT_PAIRS, "rios", CGROUP_READ_OPERATIONS, 1},
    {CTL_IO, "io.stat", FORMAT_PAIRS, "wios", CGROUP_WRITE_OPERATIONS, 1},
    {CTL_PRESSURE, "cpu.pressure", FORMAT_PRESSURE, "some", CGROUP_CPU_PRESSURE_NS, NSEC_PER_USEC},
    {CTL_PRESSURE, "memory.pressure", FORMAT_PRESSURE, "some", CGROUP_MEMORY_PRESSURE_NS,
     NSEC_PER_USEC},
    {CTL_PRESSURE, "io.pressure", FORMAT_PRESSURE, "some", CGROUP_IO_PRESSURE_NS, NSEC_PER_USEC},
};

/* ---- controllers for the jobs ---- */

/* Writes "+pids +memory ..." or "-pids ..." for the controllers of the mask. */
static int write_subtree_control(int dirfd, char sign, unsigned mask)
{
    char text[128];
    size_t n = 0;

    for (size_t c = 0; c < CTL_COUNT; c++) {
        if ((mask & CTL_BIT(c)) != 0 && controller_table[c].v2 != NULL)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c%s", n > 0 ? " " : "", sign,
                                  controller_table[c].v2);
    }
    return n == 0 ? 0 : group_write(dirfd, NULL, "cgroup.subtree_control", text);
}

/* Which of ours are on in the group's subtree_control. */
static int read_subtree_control(int dirfd, unsigned *ret_mask)
{
    char text[512];
    ssize_t n = group_read(dirfd, NULL, "cgroup.subtree_control", text, sizeof(text));
    unsigned mask = 0;

    if (n < 0)
        return (int)n;
    for (size_t c = 0; c < CTL_COUNT; c++) {
        if (controller_table[c].v2 != NULL && text_has_word(text, controller_table[c].v2))
            mask |= CTL_BIT(c);
    }
    *ret_mask = mask;
    return 0;
}

static int occupied(const struct tree *tree, int r, struct cupel_error *err)
{
    cleanup_free char *others = group_name_others(tree->own_fd);

    cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                    "cannot give controllers to the children of %.*s (cgroup v2): other processes "
                    "are in that group%s%s",
                    (int)(strrchr(tree->path, '/') - tree->path), tree->path,
                    others[0] != '\0' ? ": " : "", others);
    cupel_error_hint(
        err,
        "give cupel a group of its own: systemd-run --scope -p Delegate=yes cupel ... (as an "
        "ordinary "
        "user: systemd-run --user --scope -p Delegate=yes cupel ...), with nothing else in it");
    return r;
}

static int move_into_leaf(struct tree *tree, struct cupel_error *err)
{
    int r;

    if (mkdirat(tree->run_fd, SUPERVISOR_LEAF, 0755) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make %s/%s", tree->path,
                               SUPERVISOR_LEAF);
    r = group_write(tree->run_fd, SUPERVISOR_LEAF, "cgroup.procs", "0");
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot move into %s/%s", tree->path,
                               SUPERVISOR_LEAF);
    tree->moved = true;
    return 0;
}

#define EMPTYING_NS (10 * NSEC_PER_SEC)

/* Switches controllers on for the children of our own group, once all that are ending have left it:
 * a thread of ours that ended while we moved is counted until its files are closed. */
static int enable_in_own_group(const struct tree *tree, unsigned mask)
{
    const struct timespec ms = {.tv_nsec = (long)NSEC_PER_MSEC};
    uint64_t deadline = clock_monotonic_ns() + EMPTYING_NS;
    int r;

    while ((r = write_subtree_control(tree->own_fd, '+', mask)) == -EBUSY &&
           !group_has_others(tree->own_fd) && clock_monotonic_ns() < deadline)
        (void)nanosleep(&ms, NULL);
    return r;
}

/* A group either has processes or controllers for its children, the root excepted. So we leave our
 * own group for a leaf beside the jobs, then switch the controllers on in our own group, then in
 * cupel-RUN. */
static int v2_prepare(struct tree *tree, struct cupel_error *err)
{
    unsigned wanted = tree->controllers & ~CTL_BUILT_IN, on;
    int r;

    if (wanted == 0) /* only cpu.stat, which every group has */
        return 0;
    if (tree->move && (r = move_into_leaf(tree, err)) < 0)
        return r;
    /* Another run that ends switches off in our common group what it switched on: between our two
     * writes that is ENOENT for the second, and a matter of writing both again. */
    for (int tries = 0; tries < 8; tries++) {
        r = read_subtree_control(tree->own_fd, &on);
        if (r < 0)
            break;
        r = enable_in_own_group(tree, wanted & ~on);
        if (r == -EBUSY)
            return occupied(tree, r, err);
        if (r < 0)
            break;
        tree->enabled |= wanted & ~on;
        r = write_subtree_control(tree->run_fd, '+', wanted);
        if (r != -ENOENT)
            break;
    }
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot switch controllers on for %s (cgroup v2)", tree->path);
    return 0;
}

/* The way back, in the opposite order: nothing may be left on in our own group when we return to
 * it. */
static int v2_retire(struct tree *tree, struct cupel_error *err)
{
    int r = group_remove_children(tree->run_fd, SUPERVISOR_LEAF);

    if (r < 0)
        return group_remove_error(r, tree->path, err);
    if (tree->enabled != 0 || tree->moved) {
        r = write_subtree_control(tree->run_fd, '-', tree->controllers & ~CTL_BUILT_IN);
        if (r == 0)
            r = write_subtree_control(tree->own_fd, '-', tree->enabled);
        /* EBUSY: another run, beside us in the same group, has them on for its children. They stay
         * on then. */
        if (r < 0 && r != -EBUSY)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot switch controllers off above %s", tree->path);
        tree->enabled = 0;
    }
    if (tree->moved) {
        r = group_write(tree->own_fd, NULL, "cgroup.procs", "0");
        if (r < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot move back from %s/%s",
                                   tree->path, SUPERVISOR_LEAF);
        tree->moved = false;
    }
    return 0;
}

/* memory.events raises POLLPRI when it changes after it was last read through the same open file.
 */
static int v2_oom_open(const struct tree *tree, const char *name, short *ret_events)
{
    char path[GROUP_PATH_SIZE], text[512];
    cleanup_close int fd =
        openat(tree->run_fd, group_path(path, name, "memory.events"), O_RDONLY | O_CLOEXEC);

    if (fd < 0 || pread(fd, text, sizeof(text), 0) < 0)
        return -EBADF;
    *ret_events = POLLPRI;
    return steal_fd(&fd);
}

const struct hierarchy_ops v2_ops = {
    .version = 2,
    .limits = v2_limits,
    .limit_count = ARRAY_SIZE(v2_limits),
    .figures = v2_figures,
    .figure_count = ARRAY_SIZE(v2_figures),
    .prepare = v2_prepare,
    .retire = v2_retire,
    .oom_open = v2_oom_open,
    .io_files = v2_io_files,
    .io_unlimited = IO_NONE,
    .quota_file = "cpu.max",
    .quota_unlimited = "max",
    .oom_file = "memory.events",
    .threads_file = "cgroup.threads",
    .enter_file = "cgroup.procs", /* cgroup.threads takes in no process of another domain */
};
