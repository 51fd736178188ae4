/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_cgroups: makes groups as a run does, with each limit, enters one and removes them; the
 * probes then tell of it. Where a feature is missing, the cgroup room itself says why. */
#include "harness/doctor/doctor_private.h"
#include "harness/run/rundir.h"

#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the trial ---- */

/* A limit of every rate of the disk that the store is on; generous, since nobody is held back by
 * it. */
static int limit_disk(const struct doctor_context *ctx, const enum cgroup_io *rates, size_t n,
                      struct cgroup_limits *l, struct cupel_error *err)
{
    int r;

    if (ctx->cache == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOENT,
                               "no store whose disk could be tried");
    r = cgroup_disk_of(cache_dirfd(ctx->cache), &l->disk[0]);
    if (r < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "no single disk is behind %s",
                              cache_path(ctx->cache));
        cupel_error_hint(err, "set CUPEL_CACHE to a directory on a disk of its own (ext4 or xfs)");
        return r;
    }
    l->n_disks = 1;
    for (size_t i = 0; i < n; i++)
        l->io[rates[i]] = UINT64_C(1) << 30;
    return 1;
}

/* The limit by which a feature is tried: 1; 0 for features that are not a limit; negative and *err
 * where there is nothing to try it on. */
static int limits_for(const struct doctor_context *ctx, enum cgroup_feature feature,
                      struct cgroup_limits *l, struct cupel_error *err)
{
    static const enum cgroup_io reads[] = {CGROUP_READ_BPS, CGROUP_READ_IOPS};
    static const enum cgroup_io writes[] = {CGROUP_WRITE_BPS, CGROUP_WRITE_IOPS};

    *l = CGROUP_LIMITS_NONE;
    switch (feature) {
    case CGROUP_CPU_QUOTA:
        l->cpu_millicores = 100;
        return 1;
    case CGROUP_MEMORY_LIMIT:
        l->memory_bytes = UINT64_C(16) << 20;
        return 1;
    case CGROUP_SWAP_LIMIT:
        l->memory_bytes = UINT64_C(16) << 20;
        l->swap_bytes = 0;
        return 1;
    case CGROUP_PIDS_LIMIT:
        l->pids = 8;
        return 1;
    case CGROUP_CPUSET:
        l->cpus = cgroup_host_cpus(ctx->host);
        return 1;
    case CGROUP_IO_LIMIT:
        return limit_disk(ctx, reads, ARRAY_SIZE(reads), l, err);
    case CGROUP_IO_WRITE_LIMIT:
        return limit_disk(ctx, writes, ARRAY_SIZE(writes), l, err);
    default:
        return 0;
    }
}

/* A trial: what is found out, and the record that the next start goes by, should this process be
 * killed meanwhile. */
struct trial {
    struct doctor_groups *groups;
    struct rundir *record; /* NULL: there is no store to keep one in */
};

/* Remembers beneath which group of each hierarchy a run's would be. */
static int note_place(void *data, const char *path)
{
    struct trial *t = data;
    struct doctor_groups *g = t->groups;
    const char *slash = strrchr(path, '/');
    size_t used = strlen(g->where);

    if (slash != NULL)
        (void)snprintf(g->where + used, sizeof(g->where) - used, "%s%.*s", used > 0 ? ", " : "",
                       (int)(slash - path), path);
    return t->record != NULL ? rundir_note_cgroup(t->record, path) : 0;
}

static int doctor_cgroups_enter(void *data)
{
    int fds[CGROUP_ENTER_MAX];
    size_t n = cgroup_job_enter_fds(data, fds);

    for (size_t i = 0; i < n; i++)
        if (write(fds[i], "0", 1) < 0)
            return -errno;
    return 0;
}

static bool can_read_in(const char *dir, const char *file)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, file);
    cleanup_free char *text = NULL;
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len;

    return fd >= 0 && file_read_fd(fd, 4096, &text, &len) == 0;
}

/* A group without limits: a process goes into it, and its figures are read. */
static void try_entering(struct doctor_groups *g, struct cgroup_run *run)
{
    struct cgroup_job *job;
    struct cupel_error err;
    const struct cgroup_limits none = CGROUP_LIMITS_NONE;
    int r = cgroup_job_create(run, "j0-0", &none, &job, &g->error);

    if (r < 0)
        return;
    r = run_forked(doctor_cgroups_enter, job);
    if (r < 0)
        (void)cupel_error_set(&g->error, CUPEL_ERROR_HARNESS, r,
                              "no process can enter a cgroup made here");
    cgroup_job_usage(job, &g->usage);
    g->swap_accounted = can_read_in(cgroup_job_path(job), "memory.swap.max") ||
                        can_read_in(cgroup_job_path(job), "memory.memsw.limit_in_bytes");
    if (cgroup_job_destroy(job, &err) < 0 && g->error.kind == CUPEL_ERROR_NONE)
        g->error = err;
}

static void try_limits(struct doctor_context *ctx, struct cgroup_run *run)
{
    for (unsigned i = 0; i < CGROUP_FEATURE_COUNT; i++) {
        struct cgroup_limits limits;
        struct cgroup_job *job;
        struct cupel_error err;

        if (!cgroup_host_has(ctx->host, i) ||
            limits_for(ctx, i, &limits, &ctx->groups.refused[i]) <= 0)
            continue;
        if (cgroup_job_create(run, "j0-1", &limits, &job, &ctx->groups.refused[i]) < 0)
            continue;
        if (cgroup_job_destroy(job, &err) < 0)
            ctx->groups.refused[i] = err;
    }
}

static void make_and_remove(struct doctor_context *ctx)
{
    static const struct cgroup_device null = {1, 3};
    struct doctor_groups *g = &ctx->groups;
    struct trial trial = {.groups = g};
    struct cgroup_run *run;
    struct cupel_error err;
    char id[32];
    int r;

    (void)snprintf(id, sizeof(id), "doctor-%d", (int)getpid());
    if (cgroup_host_has(ctx->host, CGROUP_CPUSET))
        cgroup_host_want(ctx->host, CGROUP_CPUSET);
    cgroup_host_want_devices(ctx->host, &null, 1);
    if (ctx->cache != NULL && rundir_create(cache_dirfd(ctx->cache), &trial.record, &err) < 0)
        trial.record = NULL; /* whether a store can be had is asked elsewhere */
    r = cgroup_run_create(ctx->host, id, note_place, &trial, &run, &g->error);
    if (r == 0) {
        (void)cgroup_run_bounds_devices(run, &g->refused[CGROUP_DEVICES]);
        try_entering(g, run);
        try_limits(ctx, run);
        r = cgroup_run_destroy(run, &err);
        if (r < 0 && g->error.kind == CUPEL_ERROR_NONE)
            g->error = err;
    }
    if (trial.record != NULL && r < 0)
        rundir_forget(trial.record); /* something may be left: the next start looks */
    else if (trial.record != NULL)
        rundir_remove(trial.record);
}

/* Tries groups with the signals that end a program held back: only SIGKILL leaves these groups to
 * the next start. */
void groups_try(struct doctor_context *ctx)
{
    sigset_t ending, before;
    bool any = false;

    for (unsigned i = 0; ctx->host != NULL && i < CGROUP_FEATURE_COUNT; i++)
        any = any || cgroup_host_has(ctx->host, i);
    if (!any)
        return;
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGINT);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGHUP);
    (void)sigaddset(&ending, SIGQUIT);
    (void)sigprocmask(SIG_BLOCK, &ending, &before);
    ctx->groups.tried = true;
    make_and_remove(ctx);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

/* ---- the probes ---- */

void probe_groups(const struct doctor_context *ctx, const struct doctor_probe *probe,
                  struct doctor_finding *f)
{
    struct cupel_error err;

    (void)probe;
    if (ctx->host == NULL) {
        doctor_missing_error(f, &ctx->host_error);
    } else if (!ctx->groups.tried) {
        (void)cgroup_explain_missing(ctx->host, CGROUP_MEMORY_LIMIT, &err);
        doctor_missing_error(f, &err);
    } else if (ctx->groups.error.kind != CUPEL_ERROR_NONE) {
        doctor_missing_error(f, &ctx->groups.error);
    } else {
        doctor_works(f, "%s: %s", cgroup_host_describe(ctx->host), ctx->groups.where);
    }
}

/* What a feature has to tell of a group that is there; all others are limits. */
static const struct {
    enum cgroup_feature feature;
    enum cgroup_figure figure;
} figures[] = {
    {CGROUP_CPU_USAGE, CGROUP_CPU_NS},
    {CGROUP_IO_USAGE, CGROUP_READ_BYTES},
    {CGROUP_PRESSURE, CGROUP_CPU_PRESSURE_NS},
};

static bool figure_is_known(const struct doctor_groups *g, enum cgroup_feature feature)
{
    bool known = true;
    uint64_t value;

    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        if (figures[i].feature == feature)
            known = cgroup_usage_get(&g->usage, figures[i].figure, &value);
    return known;
}

void probe_group_feature(const struct doctor_context *ctx, const struct doctor_probe *probe,
                         struct doctor_finding *f)
{
    enum cgroup_feature feature = (enum cgroup_feature)probe->number;
    struct cupel_error err;

    if (ctx->host == NULL) {
        doctor_missing_error(f, &ctx->host_error);
    } else if (!cgroup_host_has(ctx->host, feature)) {
        (void)cgroup_explain_missing(ctx->host, feature, &err);
        doctor_missing_error(f, &err);
    } else if (ctx->groups.error.kind != CUPEL_ERROR_NONE) {
        doctor_missing_error(f, &ctx->groups.error);
    } else if (ctx->groups.refused[feature].kind != CUPEL_ERROR_NONE) {
        doctor_missing_error(f, &ctx->groups.refused[feature]);
    } else if (!figure_is_known(&ctx->groups, feature)) {
        doctor_degraded(
            f, "%s: this kernel does not count it for an idle group; a run leaves the figure out",
            cgroup_host_describe(ctx->host));
    } else if (feature == CGROUP_SWAP_LIMIT && !ctx->groups.swap_accounted) {
        doctor_works(f, "held as long as the host has no swap");
    } else {
        doctor_works(f, "%s", cgroup_host_describe(ctx->host));
    }
}

/* Tells whether the kernel counts swap. Where it does not, a host that has no swap holds swap
 * limits all the same, which the row of the limit says. */
void probe_swap_accounting(const struct doctor_context *ctx, const struct doctor_probe *probe,
                           struct doctor_finding *f)
{
    (void)probe;
    if (!ctx->groups.tried || ctx->groups.error.kind != CUPEL_ERROR_NONE)
        doctor_missing(f, 0, "no group could be made to look at");
    else if (ctx->groups.swap_accounted)
        doctor_works(f, "a group has a limit of swap");
    else
        doctor_missing(f, 0, "this kernel's memory controller does not count swap");
}

/* ---- delegation ---- */

/* The v2 file system's mount point: what a job's own group is looked for beneath. */
static bool find_v2_mount(char *point, size_t size)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *m;
    bool found = false;

    while (mounts != NULL && !found && (m = getmntent(mounts)) != NULL) {
        found = str_eq(m->mnt_type, "cgroup2");
        if (found)
            (void)snprintf(point, size, "%s", m->mnt_dir);
    }
    if (mounts != NULL)
        (void)endmntent(mounts);
    return found;
}

static bool own_v2_group(char *dir, size_t size)
{
    cleanup_free char *text = NULL;
    char point[512], *line;
    size_t len;

    if (!find_v2_mount(point, sizeof(point)) ||
        file_read_at(AT_FDCWD, "/proc/self/cgroup", 65536, &text, &len) < 0)
        return false;
    line = str_starts(text, "0::/") ? text : strstr(text, "\n0::/");
    if (line == NULL)
        return false;
    line = strstr(line, "0::/") + 3;
    line[strcspn(line, "\n")] = '\0';
    (void)snprintf(dir, size, "%s%s", point, str_eq(line, "/") ? "" : line);
    return true;
}

static int try_subgroup(const char *dir)
{
    cleanup_free char *path = xasprintf("%s/cupel-doctor-%d", dir, (int)getpid());

    if (mkdir(path, 0755) < 0)
        return -errno;
    return rmdir(path) < 0 ? -errno : 0;
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = text; (p = strstr(p, word)) != NULL; p += n)
        if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static void judge_controllers(const char *dir, char *text, struct doctor_finding *f)
{
    static const char *const wanted[] = {"cpu", "memory", "pids", "io"};
    size_t n = 0;

    text[strcspn(text, "\n")] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        n += has_word(text, wanted[i]);
    if (n == ARRAY_SIZE(wanted))
        doctor_works(f, "%s: %s", dir, text);
    else if (n > 0)
        doctor_degraded(f, "%s gives only the controllers: %s", dir, text);
    else
        doctor_missing(f, 0, "%s gives none of cpu, memory, pids and io (%s)", dir,
                       text[0] != '\0' ? text : "nothing");
}

void probe_delegation(const struct doctor_context *ctx, const struct doctor_probe *probe,
                      struct doctor_finding *f)
{
    cleanup_free char *path = NULL, *text = NULL;
    char dir[1024];
    size_t len;
    int r;

    (void)ctx;
    if (!own_v2_group(dir, sizeof(dir))) {
        doctor_missing(f, 0, "no cgroup v2 file system shows our own group");
        return;
    }
    path = xasprintf("%s/cgroup.controllers", dir);
    r = file_read_at(AT_FDCWD, path, 4096, &text, &len);
    if (r == 0)
        r = try_subgroup(dir);
    if (r < 0) {
        doctor_missing(f, r, "%s is not ours", dir);
        /* not the rights of root: that is what this row is about */
        doctor_remedy(f, "%s", probe->remedy);
        return;
    }
    judge_controllers(dir, text, f);
}
