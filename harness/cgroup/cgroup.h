/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup: one interface over cgroup v2, v1 and hybrid hosts. Makes groups only beneath the caller's
 * own, never remounts or changes what was there. Kernel documents:
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 *
 *   caller's own group
 *     cupel-RUN            one a run, removed at its end (or by the next run, see cgroup_recover)
 *       jPID-SERIAL        one a job, named by its slot's pid: the payload, with all its limits
 *       init               where each job's PID 1 lives: neither billed to the job
 *                          nor a victim of its OOM kills
 *
 * On v1 the same names stand in every hierarchy that is used. (v2: `init` and the supervisor's own
 * leaf stand beside the payloads, because a v2 group with controllers for its children has no
 * processes of its own.) */
#pragma once

#include "base/base.h"

enum cgroup_io {
    CGROUP_READ_BPS,
    CGROUP_WRITE_BPS,
    CGROUP_READ_IOPS,
    CGROUP_WRITE_IOPS,
    CGROUP_IO_COUNT
};
#define CGROUP_DISKS_MAX 16

/* What a group is asked to hold; UINT64_MAX means no limit. */
struct cgroup_limits {
    uint64_t cpu_millicores;
    uint64_t memory_bytes;
    uint64_t swap_bytes; /* on top of memory; only looked at when memory_bytes is a limit */
    uint64_t pids;
    uint64_t io[CGROUP_IO_COUNT]; /* bytes and operations a second, on each of the disks */
    dev_t disk[CGROUP_DISKS_MAX]; /* whole disks, see cgroup_disk_of */
    size_t n_disks;
    /* list such as "0-2,5", of those that cgroup_host_cpus names; NULL: no limit */
    const char *cpus;
    const char *mems; /* the same of memory nodes; looked at only with `cpus` */
    bool counts;      /* no limit: its instructions can be counted, see cgroup_counter_open */
};
#define CGROUP_LIMITS_NONE                                                                         \
    (struct cgroup_limits)                                                                         \
    {                                                                                              \
        .cpu_millicores = UINT64_MAX, .memory_bytes = UINT64_MAX, .swap_bytes = UINT64_MAX,        \
        .pids = UINT64_MAX, .io = {                                                                \
            UINT64_MAX,                                                                            \
            UINT64_MAX,                                                                            \
            UINT64_MAX,                                                                            \
            UINT64_MAX                                                                             \
        }                                                                                          \
    }

/* Things a host may or may not give. */
enum cgroup_feature {
    CGROUP_CPU_QUOTA,    /* cpu.max, cpu.cfs_quota_us */
    CGROUP_CPU_USAGE,    /* cpu.stat, cpuacct.usage */
    CGROUP_MEMORY_LIMIT, /* memory.max, memory.limit_in_bytes */
    /* memory.swap.max, memory.memsw.limit_in_bytes; also held when the host has no swap */
    CGROUP_SWAP_LIMIT,
    CGROUP_PIDS_LIMIT, /* pids.max */
    /* io.stat, blkio.throttle.io_service_bytes (v1 may still leave the figures unknown) */
    CGROUP_IO_USAGE,
    CGROUP_CPUSET, /* cpuset.cpus */
    /* io.max, blkio.throttle.*: reads, and the writes that a process waits for */
    CGROUP_IO_LIMIT,
    /* also writes that go through the page cache: v2 alone knows whose they are, and only with
       memory on v2 too */
    CGROUP_IO_WRITE_LIMIT,
    CGROUP_PRESSURE, /* cpu.pressure and so on: where v2 is used anyway */
    CGROUP_DEVICES,  /* the devices controller, a device program: where v2 is used anyway */
    /* perf events of a group; whether the machine counts: cgroup_counter_check */
    CGROUP_INSTRUCTIONS,
    CGROUP_FEATURE_COUNT,
};

/* Usage read from a job's payload group. A figure that the kernel does not give has its bit in
 * `known` clear. */
enum cgroup_figure {
    CGROUP_CPU_NS,
    CGROUP_USER_NS,
    CGROUP_SYSTEM_NS,
    CGROUP_THROTTLED_NS,
    CGROUP_THROTTLED_PERIODS,
    CGROUP_MEMORY_BYTES, /* now */
    CGROUP_MEMORY_PEAK_BYTES,
    CGROUP_OOM_KILLS,
    CGROUP_PIDS, /* now */
    CGROUP_PIDS_PEAK,
    CGROUP_PIDS_REFUSED, /* forks that pids.max refused */
    CGROUP_READ_BYTES,
    CGROUP_WRITTEN_BYTES,
    CGROUP_READ_OPERATIONS,
    CGROUP_WRITE_OPERATIONS,
    CGROUP_CPU_PRESSURE_NS, /* time for which some process of the group waited for it */
    CGROUP_MEMORY_PRESSURE_NS,
    CGROUP_IO_PRESSURE_NS,
    /* time for which its threads were ready to run and had no CPU, summed over them */
    CGROUP_RUN_QUEUE_WAIT_NS,
    CGROUP_MEMORY_ANONYMOUS_BYTES, /* now; from here on CGROUP_SAMPLED */
    CGROUP_MEMORY_SHARED_BYTES,    /* tmpfs, memfds, shared mappings */
    CGROUP_MEMORY_KERNEL_BYTES,
    CGROUP_MEMORY_SOCKET_BYTES,
    CGROUP_MAJOR_FAULTS,
    CGROUP_REFAULTS_FILE, /* pages that came back after having been pushed out */
    CGROUP_REFAULTS_ANONYMOUS,
    CGROUP_MEMORY_RECLAIMS, /* how often its own limit was in the way of more */
    CGROUP_FIGURE_COUNT,
};
/* Figures that are only of use to who looks while the job runs, and cost too much to be read of
 * each: not among those of cgroup_job_usage. */
#define CGROUP_SAMPLED ((1u << CGROUP_FIGURE_COUNT) - (1u << CGROUP_MEMORY_ANONYMOUS_BYTES))
/* How much there is at the moment: of no use at the end, when nobody is left. */
#define CGROUP_NOW (1u << CGROUP_MEMORY_BYTES | 1u << CGROUP_PIDS)
struct cgroup_usage {
    uint32_t known;
    uint64_t value[CGROUP_FIGURE_COUNT];
};
static inline bool cgroup_usage_get(const struct cgroup_usage *u, enum cgroup_figure f,
                                    uint64_t *ret)
{
    if (!((u->known >> f) & 1u))
        return false;
    *ret = u->value[f];
    return true;
}

struct cgroup_host; /* what this machine has */
struct cgroup_run;  /* this run's groups */
struct cgroup_job;  /* one job's payload */

/* Looks at /proc/self/cgroup, /proc/self/mountinfo and the files themselves; changes nothing. Fails
 * only when /proc cannot be read; a machine without cgroups is a host with no features. */
int cgroup_detect(struct cgroup_host **ret_host, struct cupel_error *err);
void cgroup_host_free(struct cgroup_host *host);
bool cgroup_host_has(const struct cgroup_host *host, enum cgroup_feature feature);
/* The CPUs that our own group may use, as the kernel lists them; NULL without the feature
 * CGROUP_CPUSET. */
const char *cgroup_host_cpus(const struct cgroup_host *host);
/* Some controllers cost every job that could use them something, so they are only set up for runs
 * that have a use for them: before cgroup_run_create, says that this one (CGROUP_CPUSET) does. The
 * other features need no such word. */
void cgroup_host_want(struct cgroup_host *host, enum cgroup_feature feature);
/* Character devices; nobody needs a block device. */
struct cgroup_device {
    unsigned major;
    unsigned minor; /* or all of the major */
};
#define CGROUP_ALL_MINORS UINT32_MAX
#define CGROUP_DEVICES_MAX 32
/* Has processes in payloads open these and no other devices, and make none, whatever nodes they
 * find. Called before cgroup_run_create; the list is copied. A second wall: where the host cannot
 * (CGROUP_DEVICES), nothing happens. */
void cgroup_host_want_devices(struct cgroup_host *host, const struct cgroup_device *devices,
                              size_t n);
/* The block device that reading and writing the file system of `fd` ends up at, as I/O limits want
 * it: the whole disk, where that is a partition. -ENOTBLK when there is none, or none that is the
 * only one (memory, network, btrfs, overlay). */
int cgroup_disk_of(int fd, dev_t *ret);
/* "cgroup v1", "cgroup v2", "cgroup v1 and v2", "none": for people. */
const char *cgroup_host_describe(const struct cgroup_host *host);
/* Whether a feature is missing only for the place that this process has among the groups of cgroup
 * v2: another one would have it. */
bool cgroup_lacks_delegation(const struct cgroup_host *host, enum cgroup_feature feature);
/* Why a feature is missing and how to get it, for error messages: fills *err (CUPEL_ERROR_HARNESS)
 * and returns negative. */
int cgroup_explain_missing(const struct cgroup_host *host, enum cgroup_feature feature,
                           struct cupel_error *err);

/* Makes the run's groups as children of the caller's own ("cupel-" + run_id). On v2 the caller
 * moves into a leaf of its own where the no-internal-process rule asks for it. The run's directory
 * in each hierarchy is announced through note() before it is made, so that it can be recorded for
 * recovery (what is made beneath goes with it); note may be NULL. On a host without usable
 * hierarchies the run is valid and empty: no enter fds, no figures, no limits. */
typedef int cgroup_note_fn(void *data, const char *absolute_path);
int cgroup_run_create(const struct cgroup_host *host, const char *run_id, cgroup_note_fn *note,
                      void *data, struct cgroup_run **ret_run, struct cupel_error *err);
/* Whether payloads are held to the devices that were wanted; fills *err with the reason otherwise.
 */
int cgroup_run_bounds_devices(const struct cgroup_run *run, struct cupel_error *err);
/* Removes the run's groups, killing what may be left in them, and frees; on v2 the caller first
 * moves back to where it was. -EDEADLK: the caller sits in one of them (a slot in `init`), which
 * then stays. Also on failure, `run` is gone.
 */
int cgroup_run_destroy(struct cgroup_run *run, struct cupel_error *err);
/* Frees the memory and fds only: for a forked child that must not remove anything. */
void cgroup_run_release(struct cgroup_run *run);
/* Moves the calling process, which has one thread, into the run's `init` group: called once by each
 * slot, whose children (the jobs' PID 1) then start there at no cost of their own. */
int cgroup_run_enter_init(struct cgroup_run *run, struct cupel_error *err);

/* Makes a payload group and writes its limits. `name` is unique in the run. -EOPNOTSUPP when a
 * limit is asked for that the host cannot hold (cgroup_host_has): with --best-effort, the caller
 * sets it to UINT64_MAX and names it. `run` has to outlive the job. */
int cgroup_job_create(struct cgroup_run *run, const char *name, const struct cgroup_limits *limits,
                      struct cgroup_job **ret_job, struct cupel_error *err);
/* Gives a payload group whose job has not begun these limits in place of those that it was made or
 * last changed with (`was`). Both have a cpuset, or none. On failure, it may hold some of either,
 * and is only to be destroyed. */
int cgroup_job_change_limits(struct cgroup_job *job, const struct cgroup_limits *was,
                             const struct cgroup_limits *limits, struct cupel_error *err);
/* Fds into which a process of one thread writes "0" to enter the payload: one a hierarchy, valid
 * until cgroup_job_destroy. Opened here with the harness's credentials, which is what the kernel
 * checks (since 5.16), so that a job's set-up may use them from its user namespace. Returns how
 * many. */
#define CGROUP_ENTER_MAX 16
size_t cgroup_job_enter_fds(const struct cgroup_job *job, int ret_fds[static CGROUP_ENTER_MAX]);
/* The payload's directories that a program may read to find its limits: of v2, or else of each v1
 * controller that limits anything. `name` is where programs look for it below /sys/fs/cgroup: "" of
 * v2. Opened (O_PATH) for the caller; how many, -errno. */
#define CGROUP_VIEWS_MAX 8
struct cgroup_view {
    const char *name;
    int dir;
};
int cgroup_job_views(const struct cgroup_job *job,
                     struct cgroup_view list[static CGROUP_VIEWS_MAX]);
/* An fd whose poll events tell that an OOM kill happened (v1: eventfd, POLLIN; v2: memory.events,
 * POLLPRI); -EBADF where there is none. *ret_events gets what to poll for. Call cgroup_job_oom_ack
 * after a wake-up: true when there was a kill. */
int cgroup_job_oom_fd(const struct cgroup_job *job, short *ret_events);
bool cgroup_job_oom_ack(struct cgroup_job *job);
/* CPU time used by all that ever ran in the payload, in ns; -ENODATA where the kernel does not
 * tell. */
int cgroup_job_cpu_ns(const struct cgroup_job *job, uint64_t *ret_ns);
/* Everything but CGROUP_SAMPLED and CGROUP_NOW. Never fails as a whole; see `known`. */
void cgroup_job_usage(const struct cgroup_job *job, struct cgroup_usage *ret_usage);
/* Opens what cgroup_job_usage reads, of a group whose job waits: its end comes the sooner. */
void cgroup_job_keep_open(struct cgroup_job *job);
/* Only the figures in `wanted` (bits 1u << figure), for who looks often: a file a figure. */
void cgroup_job_figures(const struct cgroup_job *job, uint32_t wanted,
                        struct cgroup_usage *ret_usage);
/* The ids of up to `max` threads that are in the payload now, as the caller's PID namespace numbers
 * them; how many. */
size_t cgroup_job_threads(const struct cgroup_job *job, pid_t *list, size_t max);
/* Absolute path of the group whose memory files (v2: all files) a bystander may read; "" where
 * there are no groups. */
const char *cgroup_job_path(const struct cgroup_job *job);
/* Lets what waits for rates of disk I/O or for its CPU quota go on at once: for what is being
 * ended, since no signal reaches a process that waits for its disk, and dying takes CPU time. Costs
 * nothing where the job has no such limits. */
void cgroup_job_lift_brakes(struct cgroup_job *job);
/* Puts them on again, when they were lifted and the job has another step to run. */
int cgroup_job_set_brakes(struct cgroup_job *job, struct cupel_error *err);
/* Kills what is left (cgroup.kill, or freeze-less kill loop on v1), waits until empty, removes,
 * frees; also on failure, `job` is gone. */
int cgroup_job_destroy(struct cgroup_job *job, struct cupel_error *err);

/* ---- counter.c: the instructions that a payload executes ---- */

struct cgroup_counter;
/* Whether this machine counts them, found out by counting some of our own; fills *err with the
 * reason and what to do otherwise. May take some ten milliseconds. */
int cgroup_counter_check(const struct cgroup_host *host, struct cupel_error *err);
/* Counts from now on, in user mode, whatever is in a payload that was made with `counts`. */
int cgroup_counter_open(const struct cgroup_job *job, struct cgroup_counter **ret,
                        struct cupel_error *err);
/* -EIO: it is not known, since something else needed the hardware's counter for a while. */
int cgroup_counter_read(const struct cgroup_counter *counter, uint64_t *ret);
/* Takes NULL. */
void cgroup_counter_close(struct cgroup_counter *counter);

/* ---- around.c: the groups around ours, from the caller's own up to the top, whose limits bind our
 * jobs too ---- */

enum cgroup_around_limit {
    CGROUP_AROUND_MEMORY,
    CGROUP_AROUND_MEMORY_HIGH,
    CGROUP_AROUND_CPU, /* thousandths of a core */
    CGROUP_AROUND_PIDS,
    CGROUP_AROUND_COUNT,
};
/* The least such limit that a visible group around the run has, and of which group (borrowed from
 * `run`; may be NULL); UINT64_MAX: none has one. */
uint64_t cgroup_run_around(const struct cgroup_run *run, enum cgroup_around_limit which,
                           const char **ret_group);

/* ---- partition.c: the CPUs that somebody set apart for us */

struct cgroup_partition {
    char *group;    /* its root, as /proc/self/cgroup names it (malloc'd) */
    char kind[256]; /* what cpuset.cpus.partition says of it: "isolated", "root invalid (reason)" */
    char cpus[256]; /* those that it has, as a list; "?": not known */
    bool valid;     /* the kernel keeps all other groups off its CPUs */
};
/* Finds the nearest group of cgroup v2, from our own up, that is more than a member of another
 * one's partition. `root` is where /proc and /sys are found. 1: *ret is filled; 0: there is none;
 * -ENOENT: no group has a cpuset of v2. */
int cgroup_partition_find(int root, struct cgroup_partition *ret);
/* The root of the valid partition that we are in, as /proc/self/cgroup names it (malloc'd), or
 * NULL. Who leaves that group loses its CPUs. */
char *cgroup_partition_around(void);

/* room.c: how much memory jobs could have now of what the groups around the run and the machine
 * (`machine`: what it has left, or UINT64_MAX) allow: what is left there, and what the run's jobs
 * with a memory limit hold of it themselves. Page cache counts as left, since the kernel takes it
 * back. UINT64_MAX: nothing bounds it, or nothing tells. */
uint64_t cgroup_run_memory_room(const struct cgroup_run *run, uint64_t machine);

/* Bounds the memory of everything in the run together, which then is one of the groups around its
 * jobs. Without a memory controller nothing happens. */
int cgroup_run_bound_memory(struct cgroup_run *run, uint64_t bytes, struct cupel_error *err);

/* What a slot keeps to tell whose limit struck. Always valid; where the kernel tells nothing,
 * neither does this. */
struct cgroup_around;
struct cgroup_around *cgroup_around_open(const struct cgroup_run *run);
void cgroup_around_close(struct cgroup_around *around);
/* A job's group has been made: an OOM kill of it is told from what those around it do from here on.
 */
void cgroup_around_watch(struct cgroup_around *around, struct cgroup_job *job);
/* A job begins: what else the groups around did before is none of its business. */
void cgroup_around_begin(struct cgroup_around *around);

/* Whose lack of memory an OOM kill was for. */
enum cgroup_oom_origin {
    CGROUP_OOM_OWN,    /* the job's own limit */
    CGROUP_OOM_AROUND, /* the limit of a group around it */
    /* nobody's limit: the machine had none left, or a group that is not visible from here */
    CGROUP_OOM_MACHINE,
};
#define CGROUP_AROUND_NAME_SIZE 192 /* a longer path is shown by its end */
struct cgroup_oom {
    enum cgroup_oom_origin origin;
    /* of CGROUP_OOM_AROUND; "" when no visible group has the limit */
    char group[CGROUP_AROUND_NAME_SIZE];
    uint64_t limit; /* of that group */
};
/* cgroup_job_oom_ack, and for a kill of whom it was. */
bool cgroup_oom_check(struct cgroup_job *job, struct cgroup_around *around, struct cgroup_oom *ret);

/* The same of a job whose PID 1 was killed: that is counted with the run's own processes, and so is
 * a command that had not been executed yet, whose memory was PID 1's. True when anything of them
 * was killed since this was asked last. */
bool cgroup_oom_check_init(struct cgroup_job *job, struct cgroup_around *around,
                           struct cgroup_oom *ret);

/* What the limits of the groups around did since cgroup_around_begin; 0 and "" for nothing. */
struct cgroup_around_figures {
    uint64_t throttled_ns; /* held back by a CPU quota */
    uint64_t cpu_millicores;
    char throttled_by[CGROUP_AROUND_NAME_SIZE];
    /* processes of the group were slowed down for being above memory.high (v2) */
    uint64_t high_events;
    uint64_t memory_high;
    char high_by[CGROUP_AROUND_NAME_SIZE];
    uint64_t pids_max; /* the least process limit around */
    char pids_by[CGROUP_AROUND_NAME_SIZE];
    /* Forks of anybody below it that it refused, where that is counted there (v2 since 6.11);
     * elsewhere they are among the job's own CGROUP_PIDS_REFUSED. */
    uint64_t pids_refused;
};
void cgroup_around_figures(const struct cgroup_around *around, struct cgroup_around_figures *ret);

/* Removes the groups of dead runs wherever on the machine they are, as far as they are the
 * caller's: empty ones, of which no process of their run lives. How many runs; what cannot be
 * removed is left. */
size_t cgroup_sweep(const struct cgroup_host *host);

/* Removes groups that a dead run recorded: kills their processes, waits, removes. Missing ones are
 * fine. Refuses any path of which neither the last nor the last but one component starts with
 * "cupel-", which is not in a cgroup file system, or which leads through a symbolic link. */
int cgroup_recover(const char *absolute_path, struct cupel_error *err);
