/* SPDX-License-Identifier: Apache-2.0 */
/* observe: see observe.h. */
#include "harness/attempt/observe.h"

#include "harness/attempt/billing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LOOK_NS (100 * NSEC_PER_MSEC)

/* ---- how long threads waited for a CPU ---- */

/* Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat: "time on the CPU, time on the run
 * queue, slices", ns. All zero where the kernel does not count (no CONFIG_SCHED_INFO). Readable by
 * all, and of threads as of processes. */
static bool read_schedstat(const char *path, uint64_t *ret_wait_ns, uint64_t *ret_slices)
{
    char text[96], *at, *end;
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (n <= 0)
        return false;
    text[n] = '\0';
    (void)strtoull(text, &at, 10);
    *ret_wait_ns = strtoull(at, &end, 10);
    *ret_slices = strtoull(end, NULL, 10);
    return end != at;
}

static struct waiting take_seen(struct observer *o, pid_t thread)
{
    for (size_t i = 0; i < o->n_waiting; i++)
        if (o->waiting[i].thread == thread) {
            struct waiting seen = o->waiting[i];

            o->waiting[i] = o->waiting[--o->n_waiting];
            return seen;
        }
    return (struct waiting){.inside = -1};
}

/* "NSpid: HOST ... JOB": the last one is that of the innermost namespace. */
static int ask_inside(pid_t thread)
{
    char path[48], text[4096];
    const char *line, *end;
    cleanup_close int fd = -EBADF;
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    line = strstr(text, "\nNSpid:");
    end = line != NULL ? strchr(line + 1, '\n') : NULL;
    while (end != NULL && end > line && end[-1] >= '0' && end[-1] <= '9')
        end--;
    return end != NULL ? atoi(end) : 0;
}

/* So many at a look are asked for their number in the job: a storm of forks is not to cost more. */
#define ASKED_MAX 8

int observe_pid_inside(const struct observer *o, pid_t thread)
{
    for (size_t i = 0; i < o->n_waiting; i++)
        if (o->waiting[i].thread == thread && o->waiting[i].inside > 0)
            return o->waiting[i].inside;
    return 0;
}

/* The figure of a thread that is gone is what was seen of it last; what it waited since then is
 * nobody's to know. */
static void look_at_threads(struct observer *o)
{
    pid_t threads[OBSERVE_THREADS_MAX];
    struct waiting now[OBSERVE_THREADS_MAX];
    size_t n = cgroup_job_threads(o->cgroup, threads, OBSERVE_THREADS_MAX), n_now = 0, asked = 0;
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        char path[48];
        struct waiting seen = take_seen(o, threads[i]);
        uint64_t wait, slices, before = seen.ns;

        (void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)threads[i]);
        if (!read_schedstat(path, &wait, &slices) ||
            wait < before) /* gone, or another one by the same number */
            o->waited_ns += before;
        else
            now[n_now++] = (struct waiting){threads[i], wait, seen.inside};
        if (n_now > 0 && now[n_now - 1].thread == threads[i] && seen.inside < 0 &&
            asked++ < ASKED_MAX)
            now[n_now - 1].inside = ask_inside(threads[i]);
    }
    for (size_t i = 0; i < o->n_waiting; i++)
        o->waited_ns += o->waiting[i].ns;
    for (size_t i = 0; i < n_now; i++) {
        o->waiting[i] = now[i];
        sum += now[i].ns;
    }
    o->n_waiting = n_now;
    o->facts->has_run_queue_wait = true;
    o->facts->run_queue_wait_ns = o->waited_ns + sum;
}

/* ---- disk, console, timeline ---- */

/* Where nobody counts what is refused (without root), a job that fills its disk and empties it
 * again is only seen in between: a look comes when the disk could have become full since, at what a
 * processor writes and makes at most, but never more often than this. docs/rootless.md says what
 * that is worth. */
#define BYTES_A_US 2000
#define US_AN_INODE 4
#define DISK_LOOK_MIN_NS (100 * NSEC_PER_USEC)
static uint64_t until_full(const struct sandbox_disk *disk)
{
    uint64_t by_bytes = disk->bytes_left / BYTES_A_US, by_inodes = disk->inodes_left, us;

    if (__builtin_mul_overflow(by_inodes, US_AN_INODE, &by_inodes))
        by_inodes = UINT64_MAX;
    us = by_bytes < by_inodes ? by_bytes : by_inodes;
    if (us >= LOOK_NS / NSEC_PER_USEC)
        return LOOK_NS;
    return us * NSEC_PER_USEC > DISK_LOOK_MIN_NS ? us * NSEC_PER_USEC : DISK_LOOK_MIN_NS;
}

/* A job without a disk of its own may find the store's file system full, whoever has filled it. */
static void look_at_store(struct observer *o, uint64_t now)
{
    struct sandbox_disk left;

    if (sandbox_store_left(o->ctx->stage, &left) < 0)
        return;
    o->facts->store_full |= left.bytes_full || left.inodes_full;
    if (!o->facts->store_full)
        o->disk_at = now + until_full(&left);
}

/* Looks at the job's disk, but not before the first command: what set-up takes is not the job's. */
static void look_at_disk(struct observer *o, uint64_t now)
{
    struct attempt_facts *f = o->facts;
    struct sandbox_disk disk;

    o->disk_at = now + LOOK_NS;
    if (f->started_ns == 0)
        return;
    if (sandbox_disk_usage(o->ctx->stage, o->sandbox, &disk) < 0) {
        look_at_store(o, now);
        return;
    }
    f->has_disk = true;
    if (disk.bytes > f->disk_peak)
        f->disk_peak = disk.bytes;
    if (disk.inodes > f->inodes_peak)
        f->inodes_peak = disk.inodes;
    f->disk_full |= disk.bytes_full;
    f->inodes_full |= disk.inodes_full;
    if (!f->disk_full && !f->inodes_full)
        o->disk_at = now + until_full(&disk);
}

static void ask_for_refusals(struct observer *o)
{
    struct attempt_facts *f = o->facts;

    sandbox_disk_refusals(o->ctx->stage, o->sandbox, &f->writes_refused, &f->inodes_refused);
    f->disk_full |= f->writes_refused > 0;
    f->inodes_full |= f->inodes_refused > 0;
}

static void show_memory(struct observer *o)
{
    struct cgroup_usage usage = {0};
    uint64_t memory = UINT64_MAX;

    cgroup_job_figures(o->cgroup, 1u << CGROUP_MEMORY_BYTES, &usage);
    (void)cgroup_usage_get(&usage, CGROUP_MEMORY_BYTES, &memory);
    atomic_store_explicit(&o->ctx->view->memory_bytes, memory, memory_order_relaxed);
}

static void add_point(struct observer *o, uint64_t now)
{
    static const uint32_t wanted =
        1u << CGROUP_CPU_NS | 1u << CGROUP_MEMORY_BYTES | 1u << CGROUP_PIDS;
    struct reports_point p = {.at_ns = now - o->facts->started_ns};
    struct cgroup_usage usage = {0};
    bool cpu, memory, pids;

    cgroup_job_figures(o->cgroup, wanted, &usage);
    cpu = cgroup_usage_get(&usage, CGROUP_CPU_NS, &p.cpu_ns);
    p.cpu_ns += cpu ? billing_init_ns(o->sandbox, o->facts) : 0;
    memory = cgroup_usage_get(&usage, CGROUP_MEMORY_BYTES, &p.memory_bytes);
    pids = cgroup_usage_get(&usage, CGROUP_PIDS, &p.pids);
    timeline_add(&o->ctx->timeline, &p, cpu, memory, pids);
    o->facts->timeline = &o->ctx->timeline;
}

/* ---- when ---- */

static uint64_t next_point(const struct observer *o)
{
    const struct timeline *t = &o->ctx->timeline;

    if (t->interval_ns == 0 || o->facts->started_ns == 0)
        return UINT64_MAX;
    return o->facts->started_ns + t->next_ns;
}

static uint64_t next_glance(const struct observer *o)
{
    if (o->facts->started_ns == 0 || o->glances >= OBSERVE_GLANCES)
        return UINT64_MAX;
    return o->facts->started_ns + (OBSERVE_GLANCE_NS << o->glances);
}

uint64_t observe_next(const struct observer *o)
{
    uint64_t at = next_point(o), glance = next_glance(o);

    if (glance < at)
        at = glance;
    if (o->look_at < at)
        at = o->look_at;
    return o->disk_at < at ? o->disk_at : at;
}

void observe_tick(struct observer *o, uint64_t now)
{
    if (now >= next_point(o))
        add_point(o, now);
    if (now >= next_glance(o)) {
        footprint_glance(o->cgroup, o->facts);
        while (now >= next_glance(o))
            o->glances++;
    }
    if (now >= o->disk_at || (o->facts->started_ns != 0 && !o->facts->has_disk))
        look_at_disk(o, now);
    if (now < o->look_at)
        return;
    o->look_at = now + LOOK_NS;
    show_memory(o);
    standstill_look(&o->ctx->standstill);
    footprint_look(&o->footprint, o->cgroup, o->memory_limit, now, o->facts);
    if (o->ctx->has_schedstat)
        look_at_threads(o);
}

/* ---- begin and end ---- */

/* Says whether a namespace is the machine's first one, whose number is PROC_PID_INIT_INO in
 * include/linux/proc_ns.h. */
static bool is_first_pid_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == 0xEFFFFFFCu;
}

void observe_open(struct attempt_context *ctx)
{
    uint64_t wait, slices;

    pressure_open(&ctx->machine);
    standstill_open(&ctx->standstill);
    ctx->kernel_log = oom_victim_open();
    ctx->pids_are_kernels = is_first_pid_namespace();
    ctx->has_schedstat = read_schedstat("/proc/self/schedstat", &wait, &slices) && slices > 0;
}

void observe_begin(struct observer *o, struct attempt_context *ctx, const struct cgroup_job *cgroup,
                   const struct sandbox_job *sandbox, const struct jobs_job *job,
                   struct attempt_facts *facts)
{
    *o = (struct observer){.ctx = ctx, .cgroup = cgroup, .sandbox = sandbox, .facts = facts};
    o->memory_limit = jobs_limit_is_set(&job->limits, JOBS_LIMIT_MEMORY)
                          ? job->limits.value[JOBS_LIMIT_MEMORY]
                          : UINT64_MAX;
    timeline_start(&ctx->timeline, ctx->run->sample_ns);
    cgroup_around_begin(ctx->around);
    standstill_begin(&ctx->standstill);
    oom_victim_begin(ctx->kernel_log);
    o->look_at = o->disk_at = clock_monotonic_ns() + LOOK_NS;
}

void observe_went(struct observer *o)
{
    pressure_look(&o->ctx->machine, &o->before);
}

/* Finds the system call for which seccomp ended a command, or a process of it, where the command
 * passed that on as shells do. */
static void find_killed_call(struct observer *o)
{
    struct attempt_facts *f = o->facts;
    size_t i = f->n_steps;
    int status;

    while (i > 0 && !f->steps[i - 1].ended)
        i--;
    if (f->cause != CAUSE_NONE || i == 0)
        return;
    status = f->steps[i - 1].status;
    if ((WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - 128) == SIGSYS)
        killed_call_find(o->ctx->kernel_log, sandbox_stage_id_base(o->ctx->stage), f->killed_call);
}

void observe_end(struct observer *o)
{
    struct timeline *t = &o->ctx->timeline;
    struct pressure_look now;

    /* on a busy machine, the news of the end may come after a last look */
    while (o->facts->timeline != NULL && t->n > 0 &&
           t->points[t->n - 1].at_ns > o->facts->ended_ns - o->facts->started_ns)
        t->n--;
    look_at_disk(o, o->facts->ended_ns);
    find_killed_call(o);
    ask_for_refusals(o);
    footprint_end(&o->footprint, o->cgroup, o->facts);
    pressure_look(&o->ctx->machine, &now);
    pressure_since(&o->before, &now, &o->facts->machine);
    o->facts->machine_cpus = o->ctx->machine.cpus;
}
