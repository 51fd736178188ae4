/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_job: one job's payload group: made with its limits, entered through fds, read, emptied,
 * removed. This is the hot path: everything is relative to the run's directory fds, and each file
 * is touched once. */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* After a wake-up, how often to look again for the kill that it announces, 1 ms apart. */
#define OOM_LOOKS 500

/* ---- making ---- */

/* Every limit that is asked for must be one that this run's hierarchies can hold: no silent
 * weakening. */
static int check_limits(const struct cgroup_run *run, const struct cgroup_limits *l,
                        struct cupel_error *err)
{
    const struct {
        enum cgroup_feature feature;
        bool asked;
        const char *what;
    } rows[] = {
        {CGROUP_CPU_QUOTA, l->cpu_millicores != UINT64_MAX, "cpu"},
        {CGROUP_MEMORY_LIMIT, l->memory_bytes != UINT64_MAX, "memory"},
        {CGROUP_SWAP_LIMIT, l->memory_bytes != UINT64_MAX && l->swap_bytes != UINT64_MAX, "swap"},
        {CGROUP_PIDS_LIMIT, l->pids != UINT64_MAX, "pids"},
        {CGROUP_CPUSET, l->cpus != NULL, "cpuset"},
        {CGROUP_INSTRUCTIONS, l->counts, "instructions"},
        {CGROUP_IO_LIMIT,
         l->io[CGROUP_READ_BPS] != UINT64_MAX || l->io[CGROUP_READ_IOPS] != UINT64_MAX,
         "disk read"},
        {CGROUP_IO_WRITE_LIMIT,
         l->io[CGROUP_WRITE_BPS] != UINT64_MAX || l->io[CGROUP_WRITE_IOPS] != UINT64_MAX,
         "disk write"},
    };
    bool limits_io = false;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].asked && !((run->features >> rows[i].feature) & 1u))
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, EOPNOTSUPP,
                                   "cannot hold a %s limit with this host's cgroups", rows[i].what);
    }
    if (l->cpu_millicores == 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EINVAL,
                               "a cpu limit of 0 cores would never run anything");
    if (l->cpus != NULL && strlen(l->cpus) >= LIMIT_TEXT_SIZE)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, E2BIG, "a cpuset of %zu bytes is too long",
                               strlen(l->cpus));
    for (size_t i = 0; i < CGROUP_IO_COUNT; i++)
        limits_io |= l->io[i] != UINT64_MAX;
    if (limits_io && l->n_disks == 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EINVAL,
                               "a limit of disk I/O needs a disk");
    return 0;
}

/* Bounds the devices of a group of the job's own. What worked for the run is not expected to fail
 * for a job, so here that is an error. */
static int bound_devices(const struct cgroup_job *job, const struct tree *tree,
                         struct cupel_error *err)
{
    const struct cgroup_run *run = job->run;
    int r;

    if (!(tree->controllers & CTL_BIT(CTL_DEVICES)))
        return 0;
    r = tree->ops->version == 1 ? devices_write(tree, job->name, run->devices, run->n_devices)
                                : devices_attach(run->device_program, tree, job->name);
    return r == 0 ? 0
                  : cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                    "cannot bound the devices of %s/%s", tree->path, job->name);
}

static int job_make_in(struct cgroup_job *job, size_t i, const struct cgroup_limits *limits,
                       struct cupel_error *err)
{
    const struct tree *tree = &job->run->tree[i];
    char path[GROUP_PATH_SIZE];
    int r;

    if (!tree_serves(tree, limits))
        return 0;
    if (mkdirat(tree->run_fd, job->name, 0755) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make cgroup %s/%s",
                               tree->path, job->name);
    r = group_set_limits(tree, job->name, limits, job->run, err);
    if (r == 0)
        r = bound_devices(job, tree, err);
    if (r < 0)
        return r;
    job->enter[i] = openat(tree->run_fd, group_path(path, job->name, tree->ops->enter_file),
                           O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (job->enter[i] < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open %s/%s/%s", tree->path,
                               job->name, tree->ops->enter_file);
    if (tree->controllers & CTL_BIT(CTL_MEMORY)) {
        job->oom_tree = tree;
        job->oom_fd = tree->ops->oom_open(tree, job->name, &job->oom_events);
    }
    return 0;
}

/* The memory group's path: a bystander reads the memory file first of all; on v2 it is the only
 * one. */
static void job_set_path(struct cgroup_job *job)
{
    const struct tree *tree = job->oom_tree;

    if (tree == NULL && job->run->count > 0)
        tree = &job->run->tree[0];
    if (tree != NULL)
        job->path = xasprintf("%s/%s", tree->path, job->name);
}

/* Notes those of the limits that hold a job back. */
static void note_brakes(struct cgroup_job *job, const struct cgroup_limits *limits)
{
    job->brakes = CGROUP_LIMITS_NONE;
    job->brakes.cpu_millicores = limits->cpu_millicores;
    memcpy(job->brakes.io, limits->io, sizeof(job->brakes.io));
    memcpy(job->brakes.disk, limits->disk, sizeof(job->brakes.disk));
    job->brakes.n_disks = limits->n_disks;
}

int cgroup_job_create(struct cgroup_run *run, const char *name, const struct cgroup_limits *limits,
                      struct cgroup_job **ret_job, struct cupel_error *err)
{
    size_t size = strlen(name) + 1;
    struct cgroup_job *job;
    int r;

    if (size == 1 || size > NAME_MAX || name[0] == '.' || strpbrk(name, "/\n") != NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EINVAL, "cannot name a cgroup '%s'", name);
    r = check_limits(run, limits, err);
    if (r < 0)
        return r;
    job = xcalloc(1, sizeof(*job) + size);
    memcpy(job->name, name, size);
    job->run = run;
    job->oom_fd = -EBADF;
    job->oom_last.origin = CGROUP_OOM_MACHINE; /* until something is heard of */
    note_brakes(job, limits);
    for (size_t i = 0; i < HIERARCHY_MAX; i++)
        job->enter[i] = -EBADF;
    for (size_t i = 0; i < run->count; i++) {
        struct cupel_error ignored; /* the first error is the one to tell */

        r = job_make_in(job, i, limits, err);
        if (r == 0)
            continue;
        if (r == -EEXIST && job->enter[i] < 0) {
            /* Not ours: leave it, and take back what was made in the hierarchies before. */
            for (size_t k = 0; k < i; k++)
                unlinkat(run->tree[k].run_fd, name, AT_REMOVEDIR);
            job->run = NULL;
        }
        cgroup_job_destroy(job, &ignored);
        return r;
    }
    job_set_path(job);
    *ret_job = job;
    return 0;
}

int cgroup_job_change_limits(struct cgroup_job *job, const struct cgroup_limits *was,
                             const struct cgroup_limits *limits, struct cupel_error *err)
{
    int r = check_limits(job->run, limits, err);

    for (size_t i = 0; r == 0 && i < job->run->count; i++) {
        const struct tree *tree = &job->run->tree[i];

        if (tree_serves(tree, limits) != tree_serves(tree, was))
            r = cupel_error_set(err, CUPEL_ERROR_HARNESS, EINVAL,
                                "cannot change whether %s is limited", tree->path);
        else if (tree_serves(tree, limits))
            r = group_change_limits(tree, job->name, was, limits, job->run, err);
    }
    if (r == 0)
        note_brakes(job, limits);
    return r;
}

/* ---- while it runs ---- */

size_t cgroup_job_enter_fds(const struct cgroup_job *job, int ret_fds[static CGROUP_ENTER_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < job->run->count; i++) {
        int shared = job->run->tree[i].devices_enter;

        if (job->enter[i] >= 0)
            ret_fds[n++] = job->enter[i];
        else if (shared >= 0)
            ret_fds[n++] = shared;
    }
    return n;
}

/* Whether programs look for their limits there: what is below is ours to bound and to count by. */
static bool is_shown(const struct tree *tree, size_t controller)
{
    return (tree->controllers & CTL_BIT(controller)) != 0 && controller != CTL_DEVICES &&
           controller != CTL_PERF && controller_table[controller].v1 != NULL;
}

int cgroup_job_views(const struct cgroup_job *job, struct cgroup_view list[static CGROUP_VIEWS_MAX])
{
    bool is_v2 = job->run->count == 1 && job->run->tree[0].ops->version == 2;
    int n = 0;

    for (size_t i = 0; i < job->run->count; i++)
        for (size_t c = 0; c < CTL_COUNT && n < CGROUP_VIEWS_MAX && job->enter[i] >= 0; c++) {
            const struct tree *tree = &job->run->tree[i];

            if (!(is_v2 ? c == 0 : tree->ops->version == 1 && is_shown(tree, c)))
                continue;
            list[n].name = is_v2 ? "" : controller_table[c].v1;
            list[n].dir = openat(tree->run_fd, job->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (list[n].dir >= 0) {
                n++;
                continue;
            }
            while (n > 0)
                base_closep(&list[--n].dir);
            return -errno;
        }
    return n;
}

int cgroup_job_oom_fd(const struct cgroup_job *job, short *ret_events)
{
    if (job->oom_fd >= 0)
        *ret_events = job->oom_events;
    return job->oom_fd;
}

static bool oom_count(const struct cgroup_job *job, uint64_t *ret)
{
    char text[512];

    /* v2: it has to be this open file, since reading is what arms the next POLLPRI. */
    if (job->oom_tree->ops->version == 2) {
        ssize_t n = pread(job->oom_fd, text, sizeof(text) - 1, 0);

        if (n < 0)
            return false;
        text[n] = '\0';
    } else if (group_read_kept(job->oom_tree, job->name, &job->kept, job->oom_tree->ops->oom_file,
                               text, sizeof(text)) < 0) {
        return false;
    }
    return text_number(text, "oom_kill", ret);
}

static bool oom_seen_new(struct cgroup_job *job)
{
    uint64_t kills;

    if (!oom_count(job, &kills) || kills <= job->oom_seen)
        return false;
    job->oom_seen = kills;
    job->oom_rearmed = 0;
    return true;
}

/* Counts how often v1's event was raised since, but for our own raising; whether it was at all. */
static bool oom_listen(struct cgroup_job *job)
{
    eventfd_t raised;

    if (eventfd_read(job->oom_fd, &raised) < 0)
        return false; /* EAGAIN: nothing happened */
    job->oom_told += raised - (job->oom_raised ? 1 : 0);
    job->oom_raised = false;
    return true;
}

/* v1 signals the eventfd when the group is out of memory, before it has chosen whom to kill, and
 * sometimes memory comes free meanwhile and it kills nobody. So the counter decides; while it has
 * not moved, the eventfd is raised again, and the caller's loop comes back, for half a second at
 * most (the kernel may be printing its report to a slow console). */
static bool v1_oom_ack(struct cgroup_job *job)
{
    struct timespec ms = {.tv_nsec = (long)NSEC_PER_MSEC};
    bool raised = oom_listen(job);

    if (oom_seen_new(job))
        return true;
    if (!raised)
        return false;
    if (job->oom_rearmed >= OOM_LOOKS) {
        job->oom_rearmed = 0;
        return false;
    }
    nanosleep(&ms, NULL);
    if (oom_seen_new(job))
        return true;
    job->oom_rearmed++;
    job->oom_raised = eventfd_write(job->oom_fd, 1) == 0;
    return false;
}

bool cgroup_job_oom_ack(struct cgroup_job *job)
{
    bool killed;

    if (job->oom_fd < 0) /* nothing wakes anybody then, but the count is there to be looked at */
        return job->oom_tree != NULL && job->oom_tree->ops->version == 1 && oom_seen_new(job);
    if (job->oom_tree->ops->version == 2)
        return oom_seen_new(job);
    killed = v1_oom_ack(job);
    if (killed) /* its event came before the count, but maybe after we had listened */
        (void)oom_listen(job);
    return killed;
}

bool job_oom_own(const struct cgroup_job *job, uint64_t *ret)
{
    char text[512];

    return group_read(job->oom_tree->run_fd, job->name, "memory.events", text, sizeof(text)) >= 0 &&
           text_number(text, "oom", ret);
}

static void read_figures(const struct cgroup_job *job, uint32_t wanted, struct cgroup_usage *usage)
{
    usage->known = 0;
    for (size_t i = 0; i < job->run->count; i++)
        group_read_figures(&job->run->tree[i], job->name, &job->kept, wanted, usage);
}

void cgroup_job_keep_open(struct cgroup_job *job)
{
    for (size_t i = 0; i < job->run->count; i++)
        group_keep_figures(&job->run->tree[i], job->name, ~CGROUP_SAMPLED, &job->kept);
}

int cgroup_job_cpu_ns(const struct cgroup_job *job, uint64_t *ret_ns)
{
    struct cgroup_usage usage;

    read_figures(job, 1u << CGROUP_CPU_NS, &usage);
    return cgroup_usage_get(&usage, CGROUP_CPU_NS, ret_ns) ? 0 : -ENODATA;
}

/* The total is exact; on v1 its parts are counted by clock ticks. The kernel scales them to the
 * total on v2 (cputime_adjust); do the same, so that they add up on both. */
void usage_scale_cpu_parts(struct cgroup_usage *u)
{
    const uint32_t all = 1u << CGROUP_CPU_NS | 1u << CGROUP_USER_NS | 1u << CGROUP_SYSTEM_NS;
    uint64_t total = u->value[CGROUP_CPU_NS], user = u->value[CGROUP_USER_NS],
             system = u->value[CGROUP_SYSTEM_NS];

    if ((u->known & all) != all || user + system == total)
        return;
    if (system == 0)
        user = total;
    else
        user = (uint64_t)((unsigned __int128)total * user / (user + system));
    u->value[CGROUP_USER_NS] = user;
    u->value[CGROUP_SYSTEM_NS] = total - user;
}

void cgroup_job_usage(const struct cgroup_job *job, struct cgroup_usage *ret_usage)
{
    read_figures(job, ~(CGROUP_SAMPLED | CGROUP_NOW), ret_usage);
    usage_scale_cpu_parts(ret_usage);
}

void cgroup_job_figures(const struct cgroup_job *job, uint32_t wanted,
                        struct cgroup_usage *ret_usage)
{
    read_figures(job, wanted, ret_usage);
}

size_t cgroup_job_threads(const struct cgroup_job *job, pid_t *list, size_t max)
{
    char text[4096]; /* one read: the rest of a longer list does not matter to anybody */
    char path[GROUP_PATH_SIZE];
    const struct tree *tree = job->run->count > 0 ? &job->run->tree[0] : NULL;
    cleanup_close int fd =
        tree == NULL ? -EBADF
                     : openat(tree->run_fd, group_path(path, job->name, tree->ops->threads_file),
                              O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text));
    size_t n = 0, id = 0;

    for (ssize_t i = 0; i < got && n < max; i++) {
        if (text[i] != '\n') {
            id = id * 10 + (size_t)(text[i] - '0');
            continue;
        }
        list[n++] = (pid_t)id;
        id = 0;
    }
    return n;
}

const char *cgroup_job_path(const struct cgroup_job *job)
{
    return job->path != NULL ? job->path : "";
}

/* ---- its end ---- */

int cgroup_job_destroy(struct cgroup_job *job, struct cupel_error *err)
{
    const struct cgroup_run *run;
    int first = 0;

    if (job == NULL)
        return 0;
    run = job->run;
    for (size_t i = 0; i < HIERARCHY_MAX; i++)
        base_closep(&job->enter[i]);
    base_closep(&job->oom_fd);
    for (size_t i = 0; i < job->kept.n; i++)
        base_closep(&job->kept.file[i].fd);
    for (size_t i = 0; run != NULL && i < run->count; i++) {
        cleanup_free char *path = NULL;
        int r;

        if (first == -ETIMEDOUT) {
            /* Whoever would not die there is here too: no second wait, the next run's recovery will
             * try again. */
            unlinkat(run->tree[i].run_fd, job->name, AT_REMOVEDIR);
            continue;
        }
        r = group_remove(run->tree[i].run_fd, job->name);
        if (r == 0 || first != 0)
            continue;
        path = xasprintf("%s/%s", run->tree[i].path, job->name);
        first = group_remove_error(r, path, err);
    }
    free(job->path);
    free(job);
    return first;
}
