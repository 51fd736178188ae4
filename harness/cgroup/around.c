/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/around: the groups around ours, from the caller's own up to the top: their limits bind our
 * jobs as well, and what they do must not be told as the job's doing. Finds those with limits,
 * tells whose lack of memory an OOM kill was for, and how long a CPU quota up there held everybody
 * back. Sets no limit; what it means for a verdict is the caller's business. Documents:
 * cgroup-v2.rst (memory.events, memory.events.local), cgroup-v1/memory.rst (10. OOM Control). */
#include "base/weaken.h"
#include "harness/cgroup/cgroup_private.h"
#include "harness/cgroup/oom_levels.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

/* ---- which there are ---- */

uint64_t group_read_limit(int dirfd, const char *group, const char *file)
{
    char text[64];
    uint64_t v;

    if (group_read(dirfd, group, file, text, sizeof(text)) < 0 || !text_number(text, NULL, &v) ||
        v >= V1_UNLIMITED)
        return UINT64_MAX; /* "max", "-1", or no such file: the top has none */
    return v;
}

static uint64_t millicores(uint64_t quota, uint64_t period)
{
    return quota == UINT64_MAX || period == UINT64_MAX || period == 0
               ? UINT64_MAX
               : (uint64_t)((unsigned __int128)quota * 1000 / period);
}

static uint64_t v1_cpu(int dirfd)
{
    return millicores(group_read_limit(dirfd, NULL, "cpu.cfs_quota_us"),
                      group_read_limit(dirfd, NULL, "cpu.cfs_period_us"));
}

/* Reads cpu.max: "max 100000" or "50000 100000". */
static uint64_t v2_cpu(int dirfd)
{
    char text[64], *period;
    uint64_t v, p;

    if (group_read(dirfd, NULL, "cpu.max", text, sizeof(text)) < 0 ||
        !text_number(text, NULL, &v) || (period = strchr(text, ' ')) == NULL ||
        !text_number(period + 1, NULL, &p))
        return UINT64_MAX;
    return millicores(v, p);
}

static const struct {
    enum controller controller;
    int version;
    enum cgroup_around_limit limit;
    const char *file; /* or a reader */
    uint64_t (*read)(int dirfd);
} limit_table[] = {
    {CTL_MEMORY, 1, CGROUP_AROUND_MEMORY, "memory.limit_in_bytes", NULL},
    {CTL_CPU, 1, CGROUP_AROUND_CPU, NULL, v1_cpu},
    {CTL_PIDS, 1, CGROUP_AROUND_PIDS, "pids.max", NULL},
    {CTL_MEMORY, 2, CGROUP_AROUND_MEMORY, "memory.max", NULL},
    {CTL_MEMORY, 2, CGROUP_AROUND_MEMORY_HIGH, "memory.high", NULL},
    {CTL_CPU, 2, CGROUP_AROUND_CPU, NULL, v2_cpu},
    {CTL_PIDS, 2, CGROUP_AROUND_PIDS, "pids.max", NULL},
};

/* Fills g->limit; whether there is any. */
static bool read_limits(struct around_group *g, unsigned controllers)
{
    bool any = false;

    for (size_t i = 0; i < CGROUP_AROUND_COUNT; i++)
        g->limit[i] = UINT64_MAX;
    for (size_t i = 0; i < ARRAY_SIZE(limit_table); i++) {
        uint64_t v;

        if (limit_table[i].version != g->ops->version ||
            !(controllers & CTL_BIT(limit_table[i].controller)))
            continue;
        v = limit_table[i].read != NULL ? limit_table[i].read(g->fd)
                                        : group_read_limit(g->fd, NULL, limit_table[i].file);
        g->limit[limit_table[i].limit] = v;
        any |= v != UINT64_MAX;
    }
    return any;
}

/* Finds the groups with limits from our own group up to where the mount ends: what is above that
 * cannot be seen. */
static void find_in(struct cgroup_run *run, const struct tree *tree)
{
    cleanup_free char *dir = xstrdup(tree->path);

    for (char *slash;
         (slash = strrchr(dir, '/')) != NULL && slash != dir && run->n_around < AROUND_MAX;) {
        struct around_group *g = &run->around[run->n_around];

        *slash = '\0';
        *g = (struct around_group){.ops = tree->ops,
                                   .fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (!is_cgroup_fd(g->fd)) {
            base_closep(&g->fd);
            return;
        }
        if (read_limits(g, tree->controllers)) {
            g->path = xstrdup(dir);
            run->n_around++;
        } else {
            base_closep(&g->fd);
        }
    }
}

void around_find(struct cgroup_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        find_in(run, &run->tree[i]);
}

void around_forget(struct cgroup_run *run)
{
    for (size_t i = 0; i < run->n_around; i++) {
        base_closep(&run->around[i].fd);
        free(run->around[i].path);
    }
    run->n_around = 0;
}

uint64_t cgroup_run_around(const struct cgroup_run *run, enum cgroup_around_limit which,
                           const char **ret_group)
{
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; run != NULL && i < run->n_around; i++) {
        if (run->around[i].limit[which] >= least)
            continue;
        least = run->around[i].limit[which];
        if (ret_group != NULL)
            *ret_group = run->around[i].path;
    }
    return least;
}

int cgroup_run_bound_memory(struct cgroup_run *run, uint64_t bytes, struct cupel_error *err)
{
    for (size_t i = 0; i < run->count && run->n_around < AROUND_MAX; i++) {
        const struct tree *tree = &run->tree[i];
        struct cgroup_limits l = CGROUP_LIMITS_NONE;
        int r;

        if (!(tree->controllers & CTL_BIT(CTL_MEMORY)))
            continue;
        l.memory_bytes = bytes;
        r = group_set_limits(tree, ".", &l, run, err);
        if (r < 0)
            return r;
        run->around[run->n_around] =
            (struct around_group){.ops = tree->ops,
                                  .path = xstrdup(tree->path),
                                  .fd = fcntl(tree->run_fd, F_DUPFD_CLOEXEC, 3)};
        (void)read_limits(&run->around[run->n_around++], CTL_BIT(CTL_MEMORY));
    }
    return 0;
}

/* ---- what a slot keeps ---- */

struct watched {
    uint64_t ooms; /* v2: as seen last, of this group's own limit */
    uint64_t throttled_ns, high, refused;
};

/* v1: a group whose events of memory are heard, its own and those of all around it. */
struct heard {
    const struct around_group *group; /* NULL: the run's own, which has no limit */
    int event;
    uint64_t told; /* how often it was raised */
};

struct cgroup_around {
    const struct cgroup_run *run;
    struct watched watched[AROUND_MAX];
    struct heard heard[AROUND_MAX + 1]; /* the inner ones first */
    size_t n_heard;
    uint64_t init_kills; /* of what is not a job's own, as seen last */
};

const struct tree *memory_tree(const struct cgroup_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->tree[i].controllers & CTL_BIT(CTL_MEMORY))
            return &run->tree[i];
    return NULL;
}

static bool limits(const struct around_group *g, enum cgroup_around_limit which)
{
    return g->limit[which] != UINT64_MAX;
}

static uint64_t keyed(int dirfd, const char *file, const char *key)
{
    char text[4096];
    uint64_t v;

    return group_read(dirfd, NULL, file, text, sizeof(text)) >= 0 && text_number(text, key, &v) ? v
                                                                                                : 0;
}

/* How often the group's own limit made it run out of memory; before 5.2 there is no such count,
 * only one with those below. */
static uint64_t ooms_of(const struct around_group *g)
{
    return g->ops->version == 2 && limits(g, CGROUP_AROUND_MEMORY)
               ? keyed(g->fd, "memory.events.local", "oom")
               : 0;
}

static void hear_group(struct cgroup_around *a, const struct around_group *g, int dirfd)
{
    struct heard *h = &a->heard[a->n_heard];

    *h = (struct heard){.group = g, .event = v1_oom_event(dirfd, NULL)};
    a->n_heard += h->event >= 0;
}

/* Hears the run's own group, which may have a limit too, and those around it that have one. */
static void hear_groups(struct cgroup_around *a, const struct tree *tree)
{
    const struct around_group *own = NULL;

    for (size_t i = 0; i < a->run->n_around; i++)
        if (str_eq(a->run->around[i].path, tree->path))
            own = &a->run->around[i];
    hear_group(a, own, tree->run_fd);
    for (size_t i = 0; i < a->run->n_around; i++) {
        const struct around_group *g = &a->run->around[i];

        if (g != own && g->ops->version == 1 && limits(g, CGROUP_AROUND_MEMORY))
            hear_group(a, g, g->fd);
    }
}

/* How many of the slots, the PID 1s and what shares their memory were killed: the count stands with
 * the group of the memory's owner (memcg_memory_event_mm(), include/linux/memcontrol.h), whichever
 * group the process was in. */
static uint64_t init_kills(const struct cgroup_run *run)
{
    const struct tree *tree = memory_tree(run);
    char text[512];
    uint64_t n;

    return tree != NULL &&
                   group_read(tree->run_fd, INIT_LEAF, tree->ops->oom_file, text, sizeof(text)) >=
                       0 &&
                   text_number(text, "oom_kill", &n)
               ? n
               : 0;
}

struct cgroup_around *cgroup_around_open(const struct cgroup_run *run)
{
    struct cgroup_around *a = xcalloc(1, sizeof(*a));
    const struct tree *tree = memory_tree(run);

    a->run = run;
    if (tree != NULL && tree->ops->version == 1)
        hear_groups(a, tree);
    for (size_t i = 0; i < run->n_around; i++)
        a->watched[i].ooms = ooms_of(&run->around[i]);
    a->init_kills = init_kills(run);
    return a;
}

void cgroup_around_close(struct cgroup_around *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n_heard; i++)
        base_closep(&a->heard[i].event);
    free(a);
}

static uint64_t throttled_ns(const struct around_group *g)
{
    if (!limits(g, CGROUP_AROUND_CPU))
        return 0;
    return g->ops->version == 2 ? keyed(g->fd, "cpu.stat", "throttled_usec") * NSEC_PER_USEC
                                : keyed(g->fd, "cpu.stat", "throttled_time");
}

static uint64_t high_events(const struct around_group *g)
{
    return limits(g, CGROUP_AROUND_MEMORY_HIGH) ? keyed(g->fd, "memory.events.local", "high") : 0;
}

/* Linux 6.11 counts a refused fork with the group whose limit it was, and brought this file;
 * before, and on v1, with the group that forked. */
static uint64_t refused_forks(const struct around_group *g)
{
    return g->ops->version == 2 && limits(g, CGROUP_AROUND_PIDS)
               ? keyed(g->fd, "pids.events.local", "max")
               : 0;
}

/* Adds what v1's events have told since, the inner ones first, and lines them up: [0] is the job's.
 */
static size_t listen_v1(struct cgroup_around *a, const struct cgroup_job *job, uint64_t *told)
{
    told[0] = job->oom_told;
    for (size_t i = 0; i < a->n_heard; i++) {
        eventfd_t n;

        if (eventfd_read(a->heard[i].event, &n) == 0)
            a->heard[i].told += n;
        told[1 + i] = a->heard[i].told;
    }
    return 1 + a->n_heard;
}

void cgroup_around_watch(struct cgroup_around *a, struct cgroup_job *job)
{
    uint64_t told[AROUND_MAX + 2];

    if (a == NULL || job->oom_tree == NULL)
        return;
    if (listen_v1(a, job, told) > 1)
        told[0] = job->oom_told = told[1]; /* from here on they differ by what is its own */
    (void)oom_levels_find(told, job->oom_own, 1 + a->n_heard);
}

void cgroup_around_begin(struct cgroup_around *a)
{
    for (size_t i = 0; a != NULL && i < a->run->n_around; i++) {
        const struct around_group *g = &a->run->around[i];
        struct watched *w = &a->watched[i];

        w->throttled_ns = throttled_ns(g);
        w->high = high_events(g);
        w->refused = refused_forks(g);
    }
}

/* ---- whose lack of memory ---- */

static void name_group(const struct around_group *g, char name[static CGROUP_AROUND_NAME_SIZE])
{
    size_t len = strlen(g->path);

    if (len < CGROUP_AROUND_NAME_SIZE)
        memcpy(name, g->path, len + 1);
    else
        (void)snprintf(name, CGROUP_AROUND_NAME_SIZE, "...%s",
                       g->path + len - (CGROUP_AROUND_NAME_SIZE - 4));
}

static void set_around(struct cgroup_oom *o, const struct around_group *g)
{
    *o = (struct cgroup_oom){.origin = CGROUP_OOM_AROUND, .limit = UINT64_MAX};
    if (g == NULL)
        return;
    o->limit = g->limit[CGROUP_AROUND_MEMORY];
    name_group(g, o->group);
}

/* What was heard last counts: an OOM around that took nobody of this job is followed by its own. */
static void hear_v1(struct cgroup_job *job, struct cgroup_around *a)
{
    uint64_t told[AROUND_MAX + 2];
    int found = oom_levels_find(told, job->oom_own, listen_v1(a, job, told));

    if (found > 0)
        set_around(&job->oom_last, a->heard[found - 1].group);
    else if (found == 0)
        job->oom_last = (struct cgroup_oom){.origin = CGROUP_OOM_OWN};
}

/* The count of `oom` stands with the group whose limit it was; `oom_kill` with the group of the
 * victim. */
static void hear_v2(struct cgroup_job *job, struct cgroup_around *a)
{
    uint64_t own;

    if (job_oom_own(job, &own) && own > 0) {
        job->oom_last = (struct cgroup_oom){.origin = CGROUP_OOM_OWN};
        return;
    }
    for (size_t i = 0; i < a->run->n_around; i++) {
        uint64_t now = ooms_of(&a->run->around[i]);

        if (now > a->watched[i].ooms)
            set_around(&job->oom_last, &a->run->around[i]);
        a->watched[i].ooms = now;
    }
}

/* A kernel without v1's events (PREEMPT_RT): whether a charge was ever refused by the job's own
 * limits. */
static bool was_refused(const struct cgroup_job *job)
{
    static const char *const files[] = {"memory.failcnt", "memory.memsw.failcnt",
                                        "memory.kmem.tcp.failcnt"};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char text[64];
        uint64_t n;

        if (group_read(job->oom_tree->run_fd, job->name, files[i], text, sizeof(text)) >= 0 &&
            text_number(text, NULL, &n) && n > 0)
            return true;
    }
    return false;
}

bool cgroup_oom_check(struct cgroup_job *job, struct cgroup_around *a, struct cgroup_oom *ret)
{
    bool killed = cgroup_job_oom_ack(job);

    if (job->oom_tree == NULL || a == NULL)
        return killed;
    if (job->oom_tree->ops->version == 1)
        hear_v1(job, a);
    else if (killed)
        hear_v2(job, a);
    if (!killed)
        return false;
    if (job->oom_fd < 0 && was_refused(job))
        job->oom_last.origin = CGROUP_OOM_OWN;
    *ret = job->oom_last;
    if (weakened("oom-origin"))
        ret->origin = CGROUP_OOM_OWN;
    return true;
}

bool cgroup_oom_check_init(struct cgroup_job *job, struct cgroup_around *a, struct cgroup_oom *ret)
{
    uint64_t kills = a != NULL ? init_kills(a->run) : 0;

    if (a == NULL || kills <= a->init_kills)
        return false;
    a->init_kills = kills;
    if (job->oom_tree != NULL && job->oom_tree->ops->version == 1)
        hear_v1(job, a);
    else if (job->oom_tree != NULL)
        hear_v2(job, a);
    *ret = job->oom_last;
    return true;
}

/* ---- what else they did ---- */

void cgroup_around_figures(const struct cgroup_around *a, struct cgroup_around_figures *ret)
{
    *ret = (struct cgroup_around_figures){0};
    for (size_t i = 0; a != NULL && i < a->run->n_around; i++) {
        const struct around_group *g = &a->run->around[i];
        uint64_t throttled = throttled_ns(g) - a->watched[i].throttled_ns,
                 high = high_events(g) - a->watched[i].high;

        if (limits(g, CGROUP_AROUND_CPU) && throttled > ret->throttled_ns) {
            ret->throttled_ns = throttled;
            ret->cpu_millicores = g->limit[CGROUP_AROUND_CPU];
            name_group(g, ret->throttled_by);
        }
        if (limits(g, CGROUP_AROUND_MEMORY_HIGH) && high > ret->high_events) {
            ret->high_events = high;
            ret->memory_high = g->limit[CGROUP_AROUND_MEMORY_HIGH];
            name_group(g, ret->high_by);
        }
        if (limits(g, CGROUP_AROUND_PIDS) &&
            (ret->pids_max == 0 || g->limit[CGROUP_AROUND_PIDS] < ret->pids_max)) {
            ret->pids_max = g->limit[CGROUP_AROUND_PIDS];
            name_group(g, ret->pids_by);
        }
        ret->pids_refused += refused_forks(g) - a->watched[i].refused;
    }
}
