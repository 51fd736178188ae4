/* SPDX-License-Identifier: Apache-2.0 */
/* enforceable: see enforceable.h. A table says which limit needs which of the host's features; what
 * else a limit takes (CPUs that cupel may use, disks that hold what is promised) has a check of its
 * own. */
#include "harness/prepare/enforceable.h"

#include "harness/attempt/disks.h"
#include "harness/attempt/limits_in_force.h"
#include "harness/prepare/networks.h"
#include "harness/prepare/unprivileged.h"
#include "harness/run/instances.h"
#include "harness/run/run.h"
#include "harness/run/run_options.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static const struct {
    enum jobs_limit limit;
    enum cgroup_feature feature;
} needed_features[] = {
    {JOBS_LIMIT_CPU, CGROUP_CPU_QUOTA},
    {JOBS_LIMIT_CPU_TIME, CGROUP_CPU_USAGE},
    {JOBS_LIMIT_CPU_TIME_KILL, CGROUP_CPU_USAGE},
    {JOBS_LIMIT_MEMORY, CGROUP_MEMORY_LIMIT},
    {JOBS_LIMIT_MEMORY, CGROUP_SWAP_LIMIT},
    {JOBS_LIMIT_SWAP, CGROUP_SWAP_LIMIT},
    {JOBS_LIMIT_PIDS, CGROUP_PIDS_LIMIT},
    {JOBS_LIMIT_CPUSET, CGROUP_CPUSET},
    {JOBS_LIMIT_IO_READ_BPS, CGROUP_IO_LIMIT},
    {JOBS_LIMIT_IO_READ_IOPS, CGROUP_IO_LIMIT},
    {JOBS_LIMIT_IO_WRITE_BPS, CGROUP_IO_WRITE_LIMIT},
    {JOBS_LIMIT_IO_WRITE_IOPS, CGROUP_IO_WRITE_LIMIT},
};

/* A limit of memory that nobody asked for, which a checker has, holds where it can be held. */
static bool let_go_unsaid(const struct instance *in, enum jobs_limit limit)
{
    if (in->judge == NULL || jobs_limit_is_said(&in->job->limits, limit) ||
        (limit != JOBS_LIMIT_MEMORY && limit != JOBS_LIMIT_SWAP))
        return false;
    instances_job(in)->limits.set &= ~(1u << limit);
    return true;
}

static int check_feature(struct prepared *p, const struct instance *in, size_t i, bool best_effort,
                         struct cupel_error *err)
{
    enum jobs_limit limit = needed_features[i].limit;

    if (!limits_asked(in->job, limit) || cgroup_host_has(p->host, needed_features[i].feature))
        return 0;
    if (let_go_unsaid(in, limit))
        return 0;
    if (best_effort) {
        /* a memory limit without a swap limit is still a memory limit */
        p->run.unenforced_set |=
            1u << (needed_features[i].feature == CGROUP_SWAP_LIMIT ? JOBS_LIMIT_SWAP : limit);
        return 0;
    }
    (void)cgroup_explain_missing(p->host, needed_features[i].feature, err);
    cupel_error_prefix(err, "%s:%d: the limit '%s' of job '%s' cannot be held on this machine",
                       in->plan->file, in->job->line, jobs_limit_table[limit].key, in->job->name);
    return -ENOTSUP;
}

/* Refuses a limit that the host could hold, but not with this value. */
static int enforceable_refuse(struct prepared *p, const struct instance *in, enum jobs_limit limit,
                              bool best_effort, struct cupel_error *err)
{
    if (best_effort) {
        p->run.unenforced_set |= 1u << limit;
        return 0;
    }
    cupel_error_prefix(err, "%s:%d: the limit '%s' of job '%s' cannot be held on this machine",
                       in->plan->file, in->job->line, jobs_limit_table[limit].key, in->job->name);
    return -ENOTSUP;
}

/* Gives cores of its own to each job that says nothing of CPUs (--pin). */
static int pin_jobs(struct prepared *p, bool best_effort, struct cupel_error *err)
{
    if (!best_effort && !cgroup_host_has(p->host, CGROUP_CPUSET)) {
        (void)cgroup_explain_missing(p->host, CGROUP_CPUSET, err);
        cupel_error_prefix(err, "--pin cannot be held on this machine");
        return -ENOTSUP;
    }
    for (size_t i = 0; i < run_n_prepared(&p->run); i++) {
        const struct instance *in = &p->run.instances[i];
        struct jobs_limits *l;

        if (in->service != NULL || in->judge != NULL ||
            jobs_limit_is_set(&in->job->limits, JOBS_LIMIT_CPUSET))
            continue;
        l = &instances_job(in)->limits;
        l->cpus = JOBS_CPUS_EXCLUSIVE;
        l->value[JOBS_LIMIT_CPUSET] = 1;
        l->set |= 1u << JOBS_LIMIT_CPUSET;
    }
    return 0;
}

/* Refuses more slots than there are cores to pin their jobs to. */
static int check_pinned_slots(const struct prepared *p, const struct run_options *o, size_t most,
                              struct cupel_error *err)
{
    size_t n = p->run.cores.n_whole, wanted = o->slots * most;

    if (!o->pins || !o->slots_said || wanted <= n || n < most) /* which each job is told */
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "-j %u with --pin takes %zu whole cores besides one for all others, and "
                          "there %s %zu",
                          o->slots, wanted, n == 1 ? "is" : "are", n);
    cupel_error_hint(err, "say -j %zu, or leave it out: then as many jobs run as there are cores",
                     n / most);
    return -ENOTSUP;
}

/* Looks for the cores that jobs of the run are to have for themselves. The first is never among
 * them, since somebody else has to run too. */
static int find_cores(struct prepared *p, const struct run_options *o, struct cupel_error *err)
{
    cleanup_close int topology =
        open("/sys/devices/system/cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *list = cgroup_host_cpus(p->host);
    struct jobs_cpus allowed;
    size_t most = 0, sum = 0;
    int r = o->pins ? pin_jobs(p, o->best_effort, err) : 0;

    if (r < 0)
        return r;
    for (size_t i = 0; i < run_n_prepared(&p->run); i++) {
        size_t wanted = cores_wanted(&p->run.instances[i].job->limits);

        sum += wanted;
        most = wanted > most ? wanted : most;
    }
    if (most == 0 || list == NULL || !jobs_cpus_parse(list, &allowed))
        return 0;
    if (sum > most * o->slots)
        sum = most * o->slots;
    r = topology < 0 ? -errno : cores_find(topology, &allowed, sum, &p->run.cores);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot tell which CPUs are of one core");
    return o->best_effort ? 0 : check_pinned_slots(p, o, most, err);
}

static int check_exclusive(struct prepared *p, const struct instance *in, bool best_effort,
                           struct cupel_error *err)
{
    size_t wanted = cores_wanted(&in->job->limits), n_whole = p->run.cores.n_whole;

    if (in->service != NULL || in->job->network == JOBS_NETWORK_BRIDGE)
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "no cores are kept for services, nor for jobs on a bridge");
    else if (wanted <= p->run.cores.n)
        return 0;
    else
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "it takes %zu whole core%s besides one for all others, and there %s "
                              "%zu",
                              wanted, wanted == 1 ? "" : "s", n_whole == 1 ? "is" : "are", n_whole);
    return enforceable_refuse(p, in, JOBS_LIMIT_CPUSET, best_effort, err);
}

/* Refuses a list that has what other jobs are to have for themselves. */
static int check_overlap(const struct prepared *p, const struct jobs_cpus *asked,
                         struct cupel_error *err)
{
    for (size_t i = 0; i < p->run.cores.n; i++) {
        cleanup_strbuf struct strbuf text = {0};

        if (!jobs_cpus_overlap(asked, &p->run.cores.each[i]))
            continue;
        jobs_cpus_format(&p->run.cores.each[i], &text);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EBUSY,
                               "the CPUs %s are those of jobs with `cpuset: exclusive`", text.data);
    }
    return 0;
}

static int check_cpuset(struct prepared *p, const struct instance *in, bool best_effort,
                        struct cupel_error *err)
{
    const char *list = cgroup_host_cpus(p->host);
    cleanup_strbuf struct strbuf text = {0};
    struct jobs_cpus asked, allowed, beyond;

    if (!jobs_limit_is_set(&in->job->limits, JOBS_LIMIT_CPUSET) ||
        !cgroup_host_has(p->host, CGROUP_CPUSET))
        return 0;
    cgroup_host_want(p->host, CGROUP_CPUSET);
    if (jobs_limits_are_exclusive(&in->job->limits))
        return check_exclusive(p, in, best_effort, err);
    if (jobs_cpus_parse(in->job->limits.cpus, &asked) && check_overlap(p, &asked, err) < 0)
        return enforceable_refuse(p, in, JOBS_LIMIT_CPUSET, best_effort, err);
    if (!jobs_cpus_parse(in->job->limits.cpus, &asked) || list == NULL ||
        !jobs_cpus_parse(list, &allowed) || !jobs_cpus_beyond(&asked, &allowed, &beyond))
        return 0; /* a list that we cannot read is the kernel's to refuse */
    jobs_cpus_format(&beyond, &text);
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cupel may use the CPUs %s, not %s", list,
                          text.data);
    cupel_error_hint(err, "lower the limit, or start cupel in a cgroup that has these CPUs");
    return enforceable_refuse(p, in, JOBS_LIMIT_CPUSET, best_effort, err);
}

static int check_io(struct prepared *p, const struct instance *in, bool best_effort,
                    struct cupel_error *err)
{
    struct cgroup_limits limits;
    int r = 0;

    for (size_t i = 0; r == 0 && i < CGROUP_IO_COUNT; i++)
        if (jobs_limit_is_set(&in->job->limits, disks_limits[i]) &&
            disks_of(in, cache_dirfd(p->cache), &limits, err) < 0)
            r = enforceable_refuse(p, in, disks_limits[i], best_effort, err);
    return r;
}

/* Finds out once whether instructions are counted here, where a job asks. */
static int check_instructions(struct prepared *p, const struct instance *in, bool best_effort,
                              struct cupel_error *err)
{
    if (!jobs_limit_is_set(&in->job->limits, JOBS_LIMIT_INSTRUCTIONS) || p->counts_instructions)
        return 0;
    if (cgroup_counter_check(p->host, err) < 0)
        return enforceable_refuse(p, in, JOBS_LIMIT_INSTRUCTIONS, best_effort, err);
    cgroup_host_want(p->host, CGROUP_INSTRUCTIONS);
    p->counts_instructions = true;
    return 0;
}

/* Refuses to show a job its group where it has none. */
static int check_view(struct prepared *p, const struct instance *in, bool best_effort,
                      struct cupel_error *err)
{
    static const enum cgroup_feature any[] = {CGROUP_MEMORY_LIMIT, CGROUP_CPU_QUOTA,
                                              CGROUP_PIDS_LIMIT, CGROUP_CPU_USAGE};

    if (!in->job->cgroup_view)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(any); i++)
        if (cgroup_host_has(p->host, any[i]))
            return 0;
    if (best_effort) {
        p->run.no_cgroup_view = true;
        return 0;
    }
    (void)cgroup_explain_missing(p->host, any[0], err);
    cupel_error_prefix(err, "%s:%d: job '%s' has `cgroup-view`, and no control group here",
                       in->plan->file, in->job->line, in->job->name);
    return -ENOTSUP;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

static int refuse_full_store(const char *where, uint64_t have, struct cupel_error *err)
{
    char left[UNIT_TEXT_SIZE], floor[UNIT_TEXT_SIZE];

    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "the store's file system is full: %s has %s free, and the disks of jobs want %s at least",
        where, unit_format_size(have, left), unit_format_size(SANDBOX_DISK_FLOOR, floor));
    cupel_error_hint(err, "free space there, or put the store on another disk with CUPEL_CACHE");
    return -ENOSPC;
}

/* Sums up as many as may be there at once, the largest first. */
static uint64_t sum_of(const uint64_t *sizes, size_t n, size_t at_once)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n && i < at_once; i++)
        if (__builtin_add_overflow(sum, sizes[i], &sum))
            sum = UINT64_MAX;
    return sum;
}

/* The limits that jobs name: a disk that the host cannot fill is no limit. Where there is room for
 * those of the jobs that run, but not of the next ones too, these are not prepared. */
static int check_disks(struct prepared *p, const struct run_options *o, struct cupel_error *err)
{
    uint64_t *sizes = xcalloc(run_n_prepared(&p->run), sizeof(*sizes)), sum, most, have;
    char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE];
    const struct instance *largest = NULL;
    const char *where = cache_path(p->cache);
    struct statvfs fs;
    /* whose disks stay beside those of the jobs that run, or are there with them */
    size_t n = 0, bases = p->run.n_services + p->run.n_checkers;

    for (size_t i = 0; i < run_n_prepared(&p->run); i++) {
        const struct jobs_limits *l = &p->run.instances[i].job->limits;

        bases += p->run.instances[i].is_base;
        if (!jobs_limit_is_set(l, JOBS_LIMIT_DISK))
            continue;
        sizes[n++] = p->run.privilege.host
                         ? sandbox_disk_space(p->run.instances[i].job, p->run.hidden)
                         : l->value[JOBS_LIMIT_DISK];
        if (largest == NULL ||
            l->value[JOBS_LIMIT_DISK] > largest->job->limits.value[JOBS_LIMIT_DISK])
            largest = &p->run.instances[i];
    }
    qsort(sizes, n, sizeof(*sizes), by_size);
    sum = sum_of(sizes, n, o->slots + bases);
    most = sum_of(sizes, n, p->run.n_slots + bases);
    free(sizes);
    if (fstatvfs(cache_dirfd(p->cache), &fs) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot tell how much space %s has",
                               cache_path(p->cache));
    have = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (unprivileged_disk_space(&p->run.privilege, &have))
        where = "this machine's memory, which holds them without root,";
    else if (have < SANDBOX_DISK_FLOOR)
        return refuse_full_store(where, have, err);
    if (most > have)
        p->run.n_slots = o->slots;
    if (largest == NULL || sum <= have)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "%s:%d: the limit 'disk' of job '%s' cannot be held: with those that may "
                          "be there beside it, that makes "
                          "%s, and %s has %s free",
                          largest->plan->file, largest->job->line, largest->job->name,
                          unit_format_size(sum, a), where, unit_format_size(have, b));
    cupel_error_hint(err, "lower them, run fewer jobs at once (-j), free space, or put the store "
                          "on another disk with CUPEL_CACHE");
    return -ENOSPC;
}

/* Single files that the job may write are copied, as are directories with `mode: copy`. */
static bool is_mounted(const struct jobs_input *in)
{
    struct stat st;

    return in->mode == JOBS_INPUT_RO ||
           (in->mode == JOBS_INPUT_COW && stat(in->from, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Whether the job has the same input in the same place of its list as one that was looked at: the
 * cases of a submission do, and there may be thousands. */
static bool is_looked_at(const struct jobs_job *job, size_t i, const struct jobs_job *before)
{
    const struct jobs_input *in = &job->inputs[i], *was;

    if (before == NULL || i >= before->n_inputs)
        return false;
    was = &before->inputs[i];
    return in->mode == was->mode && in->cache == was->cache && in->job == was->job &&
           str_eq(in->from, was->from) && str_eq(in->host.path, was->host.path) &&
           in->host.trusted == was->host.trusted;
}

/* `before` is the job of the instance that was checked before, or NULL. */
static int check_inputs(const struct prepared *p, const struct instance *in,
                        const struct jobs_job *before, struct cupel_error *err)
{
    uint64_t known = 0;
    int r = 0;

    for (size_t i = 0; p->run.privilege.host && r == 0 && i < in->job->n_inputs; i++)
        if (in->job->inputs[i].cache == 0 && in->job->inputs[i].job == 0 &&
            !is_looked_at(in->job, i, before) && is_mounted(&in->job->inputs[i]))
            r = sandbox_input_check(&p->run.privilege, &in->job->inputs[i], &known, err);
    if (r < 0)
        cupel_error_prefix(err, "%s:%d: job '%s'", in->plan->file, in->job->line, in->job->name);
    return r;
}

/* No clock goes below zero; that of the time asleep as well is ahead of this one. */
static int check_time_offset(const struct instance *in, struct cupel_error *err)
{
    uint64_t up = clock_monotonic_ns();
    char offset[UNIT_TEXT_SIZE], since[UNIT_TEXT_SIZE];

    if (in->job->time_offset_ns >= 0 || (uint64_t)-in->job->time_offset_ns <= up)
        return 0;
    (void)unit_format_duration((uint64_t)-in->job->time_offset_ns, offset);
    (void)unit_format_duration(up - up % NSEC_PER_SEC, since);
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "%s:%d: job '%s' sets its clocks back by %s, and this machine has been "
                          "up for %s: no clock goes below zero",
                          in->plan->file, in->job->line, in->job->name, offset, since);
    return -ERANGE;
}

static int check_instance(struct prepared *p, const struct run_options *o,
                          const struct instance *in, const struct jobs_job *before,
                          struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(needed_features); i++)
        r = check_feature(p, in, i, o->best_effort, err);
    if (r == 0)
        r = unprivileged_check(&p->run.privilege, in, err);
    if (r == 0)
        r = check_cpuset(p, in, o->best_effort, err);
    if (r == 0)
        r = check_instructions(p, in, o->best_effort, err);
    if (r == 0)
        r = check_view(p, in, o->best_effort, err);
    if (r == 0)
        r = check_io(p, in, o->best_effort, err);
    if (r == 0)
        r = networks_check(&p->run, o, in, err);
    if (r == 0)
        r = check_inputs(p, in, before, err);
    return r == 0 ? check_time_offset(in, err) : r;
}

static int check_devices(const struct prepared *p, const struct run_options *o,
                         const struct instance *in, struct cupel_error *err)
{
    uint32_t unusual = in->job->devices & ~JOBS_DEVICES_USUAL;
    int r;

    for (enum jobs_device d = JOBS_DEVICE_KVM; d < JOBS_DEVICE_COUNT; d++) {
        if (!(((unusual & ~o->allow_devices) >> d) & 1u))
            continue;
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s:%d: job '%s' asks for the device '%s'",
                              in->plan->file, in->job->line, in->job->name, jobs_device_names[d]);
        cupel_error_hint(err,
                         "say --allow-device %s if that is what you want: the job then reaches a "
                         "large part of the kernel "
                         "that is closed to it otherwise (SECURITY.md)",
                         jobs_device_names[d]);
        return -EPERM;
    }
    r = unusual != 0 ? sandbox_devices_check(unusual, &p->run.privilege, err) : 0;
    if (r < 0)
        cupel_error_prefix(err, "%s:%d: job '%s'", in->plan->file, in->job->line, in->job->name);
    return r;
}

/* Checks the limits of the commands of a job's root, whether or not they will have to run. */
static int check_builds(struct prepared *p, const struct run_options *o, const struct instance *in,
                        struct cupel_error *err)
{
    const struct jobs_root *root = &in->plan->roots[in->job->root];
    int r = 0;

    for (; r == 0 && root->kind == JOBS_ROOT_DERIVED; root = &in->plan->roots[root->base])
        r = check_instance(p, o, &(struct instance){.plan = in->plan, .job = root->build}, NULL,
                           err);
    return r;
}

/* Says what else there is than what the hint says: to do without what cannot be held. */
static void offer_best_effort(struct cupel_error *err)
{
    cleanup_free char *hint = xstrdup(err->hint);

    cupel_error_hint(err, "%s%s--best-effort does without what cannot be held, and names it", hint,
                     hint[0] != '\0' ? "; or " : "");
}

int enforceable_check(struct prepared *p, const struct run_options *o, struct cupel_error *err)
{
    static const enum cgroup_feature on_demand[] = {CGROUP_CPUSET, CGROUP_INSTRUCTIONS};
    int r = check_disks(p, o, err);

    if (r == 0)
        r = find_cores(p, o, err);

    /* before the run's groups are made, when it is not known yet who asks */
    for (size_t i = 0; o->takes_more && i < ARRAY_SIZE(on_demand); i++)
        if (cgroup_host_has(p->host, on_demand[i]))
            cgroup_host_want(p->host, on_demand[i]);
    for (size_t i = 0; r == 0 && i < run_n_prepared(&p->run); i++) {
        r = check_instance(p, o, &p->run.instances[i], i > 0 ? p->run.instances[i - 1].job : NULL,
                           err);
        if (r == 0)
            r = check_builds(p, o, &p->run.instances[i], err);
    }
    for (size_t i = 0; r == 0 && i < run_n_prepared(&p->run); i++)
        r = check_devices(p, o, &p->run.instances[i], err);
    if (r == -ENOTSUP && !o->takes_more) /* a limit */
        offer_best_effort(err);
    return r;
}
