/* prepare: see prepare.h. What a host cannot do is refused here, before anything runs, with the remedy; or, with
 * --best-effort, named in every report. */
#include "harness/supervisor/prepare.h"

#include "base/weaken.h"
#include "harness/supervisor/limits.h"
#include "harness/supervisor/record.h"
#include "harness/supervisor/running.h"
#include "harness/supervisor/unprivileged.h"

#include "harness/supervisor/disks.h"
#include "harness/supervisor/networks.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

/* ---- instances ---- */

/* Logs and artifacts are named after the job; with several files, after suite and job where two files share a name. */
static const char *log_name(const struct supervisor_options *o, const struct jobs_plan *plan,
                            const struct jobs_job *job)
{
    for (size_t p = 0; p < o->n_plans; p++)
        for (size_t j = 0; o->plans[p] != plan && j < o->plans[p]->n_jobs; j++)
            if (str_eq(o->plans[p]->jobs[j].name, job->name))
                return arena_printf(plan->arena, "%s.%s", plan->name, job->name);
    return job->name;
}

/* Roots are numbered over all files: the roots of plan p start at base. */
static void make_instances(const struct supervisor_options *o, struct run *run)
{
    size_t n = 0, base = 0, bridge_base = 0;

    for (size_t p = 0; p < o->n_plans; p++)
        n += o->plans[p]->n_jobs;
    run->instances = xcalloc(n, sizeof(*run->instances));
    for (size_t p = 0; p < o->n_plans; p++) {
        const struct jobs_plan *plan = o->plans[p];

        for (size_t j = 0; j < plan->n_jobs; j++)
            if (o->selected[p][j])
                run->instances[run->n_instances++] = (struct instance){.plan = plan,
                                                                       .plan_index = p,
                                                                       .job = &plan->jobs[j],
                                                                       .root = base + plan->jobs[j].root,
                                                                       .bridge = bridge_base + plan->jobs[j].bridge,
                                                                       .log_name = log_name(o, plan, &plan->jobs[j])};
        base += plan->n_roots;
        bridge_base += plan->n_bridges;
    }
    run->n_roots = base;
    run->n_bridges = bridge_base;
}

/* ---- limits that the host must be able to hold ---- */

static const struct {
    enum jobs_limit limit;
    enum cgroup_feature feature;
} needed_features[] = {
    {JOBS_LIMIT_CPU, CGROUP_CPU_QUOTA},
    {JOBS_LIMIT_CPU_TIME, CGROUP_CPU_USAGE},
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

static int check_feature(struct prepared *p, const struct instance *in, size_t i, bool best_effort,
                         struct cupel_error *err)
{
    enum jobs_limit limit = needed_features[i].limit;

    if (!limits_asked(in->job, limit) || cgroup_host_has(p->host, needed_features[i].feature))
        return 0;
    if (best_effort) {
        /* a memory limit without a swap limit is still a memory limit */
        p->run.unenforced_set |= 1u << (needed_features[i].feature == CGROUP_SWAP_LIMIT ? JOBS_LIMIT_SWAP : limit);
        return 0;
    }
    (void)cgroup_explain_missing(p->host, needed_features[i].feature, err);
    cupel_error_prefix(err, "%s:%d: the limit '%s' of job '%s' cannot be held on this machine", in->plan->file,
                       in->job->line, jobs_limit_table[limit].key, in->job->name);
    return -ENOTSUP;
}

/* For a limit that the host could hold, but not this one. */
static int refuse(struct prepared *p, const struct instance *in, enum jobs_limit limit, bool best_effort,
                  struct cupel_error *err)
{
    if (best_effort) {
        p->run.unenforced_set |= 1u << limit;
        return 0;
    }
    cupel_error_prefix(err, "%s:%d: the limit '%s' of job '%s' cannot be held on this machine", in->plan->file,
                       in->job->line, jobs_limit_table[limit].key, in->job->name);
    return -ENOTSUP;
}

static int check_cpuset(struct prepared *p, const struct instance *in, bool best_effort, struct cupel_error *err)
{
    const char *list = cgroup_host_cpus(p->host);
    cleanup_strbuf struct strbuf text = {0};
    struct jobs_cpus asked, allowed, beyond;

    if (!jobs_limit_is_set(&in->job->limits, JOBS_LIMIT_CPUSET) || !cgroup_host_has(p->host, CGROUP_CPUSET))
        return 0;
    cgroup_host_want(p->host, CGROUP_CPUSET);
    if (!jobs_cpus_parse(in->job->limits.cpus, &asked) || list == NULL || !jobs_cpus_parse(list, &allowed) ||
        !jobs_cpus_beyond(&asked, &allowed, &beyond))
        return 0; /* a list that we cannot read is the kernel's to refuse */
    jobs_cpus_format(&beyond, &text);
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cupel may use the CPUs %s, not %s", list, text.data);
    cupel_error_hint(err, "lower the limit, or start cupel in a cgroup that has these CPUs");
    return refuse(p, in, JOBS_LIMIT_CPUSET, best_effort, err);
}

static int check_io(struct prepared *p, const struct instance *in, bool best_effort, struct cupel_error *err)
{
    struct cgroup_limits limits;
    int r = 0;

    for (size_t i = 0; r == 0 && i < CGROUP_IO_COUNT; i++)
        if (jobs_limit_is_set(&in->job->limits, disks_limits[i]) &&
            disks_of(in, cache_dirfd(p->cache), &limits, err) < 0)
            r = refuse(p, in, disks_limits[i], best_effort, err);
    return r;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* The limits that jobs name, of as many as may run at once, the largest first: a disk that the host cannot fill is no limit. */
static int check_disks(struct prepared *p, const struct supervisor_options *o, struct cupel_error *err)
{
    uint64_t *sizes = xcalloc(p->run.n_instances, sizeof(*sizes)), sum = 0, have;
    char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE];
    const struct instance *largest = NULL;
    const char *where = cache_path(p->cache);
    struct statvfs fs;
    size_t n = 0;

    for (size_t i = 0; i < p->run.n_instances; i++) {
        const struct jobs_limits *l = &p->run.instances[i].job->limits;

        if (!jobs_limit_is_set(l, JOBS_LIMIT_DISK))
            continue;
        sizes[n++] = l->value[JOBS_LIMIT_DISK];
        if (largest == NULL || l->value[JOBS_LIMIT_DISK] > largest->job->limits.value[JOBS_LIMIT_DISK])
            largest = &p->run.instances[i];
    }
    qsort(sizes, n, sizeof(*sizes), by_size);
    for (size_t i = 0; i < n && i < o->slots; i++)
        if (__builtin_add_overflow(sum, sizes[i], &sum))
            sum = UINT64_MAX;
    free(sizes);
    if (fstatvfs(cache_dirfd(p->cache), &fs) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot tell how much space %s has",
                               cache_path(p->cache));
    have = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (unprivileged_disk_space(&p->run.privilege, &have))
        where = "this machine's memory, which holds them without root,";
    if (largest == NULL || sum <= have)
        return 0;
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "%s:%d: the limit 'disk' of job '%s' cannot be held: with those that may run beside it, that makes "
        "%s, and %s has %s free",
        largest->plan->file, largest->job->line, largest->job->name, unit_format_size(sum, a), where,
        unit_format_size(have, b));
    cupel_error_hint(
        err, "lower them, run fewer jobs at once (-j), free space, or put the store on another disk with CUPEL_CACHE");
    return -ENOSPC;
}

static int check_instance(struct prepared *p, const struct supervisor_options *o, const struct instance *in,
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
        r = check_io(p, in, o->best_effort, err);
    if (r == 0)
        r = networks_check(&p->run, o, in, err);
    return r;
}

static int check_all(struct prepared *p, const struct supervisor_options *o, struct cupel_error *err)
{
    int r = check_disks(p, o, err);

    for (size_t i = 0; r == 0 && i < p->run.n_instances; i++)
        r = check_instance(p, o, &p->run.instances[i], err);
    return r;
}

/* ---- roots ---- */

static void on_progress(void *data, const char *what)
{
    struct prepared *p = data;

    if (p->console != NULL)
        reports_console_status(p->console, what);
    else
        (void)fprintf(stderr, "cupel: %s\n", what);
}

static struct cache_source source_of(const struct jobs_root *root)
{
    static const enum cache_source_kind kinds[] = {
        [JOBS_ROOT_HOST] = CACHE_HOST,     [JOBS_ROOT_SCRATCH] = CACHE_SCRATCH, [JOBS_ROOT_TAR] = CACHE_TAR,
        [JOBS_ROOT_DEBIAN] = CACHE_DEBIAN, [JOBS_ROOT_OCI] = CACHE_OCI,         [JOBS_ROOT_CACHED] = CACHE_NAMED,
        [JOBS_ROOT_IMAGE] = CACHE_IMAGE,
    };

    return (struct cache_source){.kind = kinds[root->kind],
                                 .name = root->imported != NULL ? root->imported : root->name,
                                 .tar = root->tar,
                                 .sha256 = root->sha256,
                                 .oci = root->oci,
                                 .image = root->image,
                                 .tag = root->tag,
                                 .platform = root->platform,
                                 .suite = root->suite,
                                 .packages = root->packages,
                                 .config = root->config};
}

/* "name:group" cannot be looked up in passwd: the user's own group is taken. */
static const char *image_user(struct arena *arena, const char *user)
{
    size_t name = strcspn(user, ":"), digits = strspn(user, "0123456789");
    bool numeric = digits == name && user[name] == ':' && user[name + 1] != '\0' &&
                   strspn(user + name + 1, "0123456789") == strlen(user + name + 1);

    return numeric ? user : arena_strndup(arena, user, name);
}

/* What the job file leaves open, the image of the job's root may say. */
static void take_image_defaults(struct prepared *p)
{
    for (size_t i = 0; i < p->run.n_instances; i++) {
        const struct instance *in = &p->run.instances[i];
        const struct cache_config *c = p->run.roots[in->root].config;
        struct jobs_job *job = &in->plan->jobs[in->job - in->plan->jobs];

        if (c != NULL && !job->has_user && c->user != NULL)
            job->user = image_user(c->arena, c->user);
        if (c != NULL && !job->has_workdir && c->workdir != NULL)
            job->workdir = c->workdir;
    }
}

/* Only the roots that a selected job uses. */
static int make_roots(struct prepared *p, struct cupel_error *err)
{
    struct run *run = &p->run;
    int r = 0;

    run->roots = xcalloc(run->n_roots, sizeof(*run->roots));
    for (size_t i = 0; r == 0 && i < run->n_instances; i++) {
        const struct instance *in = &run->instances[i];
        struct cache_source source = source_of(&in->plan->roots[in->job->root]);

        if (run->roots[in->root].n_layers == 0)
            r = cache_prepare(p->cache, &source, on_progress, p, &run->roots[in->root], err);
    }
    return r;
}

/* ---- seccomp programs ---- */

/* One for each profile that a selected job asks for; nearly always that is one. */
static int make_filters(struct run *run, struct cupel_error *err)
{
    const struct jobs_seccomp **profiles = xcalloc(run->n_instances, sizeof(*profiles));
    int r = 0;

    run->filters = xcalloc(run->n_instances, sizeof(*run->filters));
    for (size_t i = 0; r == 0 && i < run->n_instances; i++) {
        struct instance *in = &run->instances[i];
        size_t f = 0;

        while (f < run->n_filters && !jobs_seccomp_equal(profiles[f], &in->job->seccomp))
            f++;
        if (f == run->n_filters) {
            r = sandbox_filter_compile(&in->job->seccomp, &run->filters[f], err);
            if (r < 0)
                break;
            profiles[f] = &in->job->seccomp;
            run->n_filters++;
        }
        in->filter = run->filters[f];
    }
    free(profiles);
    return r;
}

/* ---- all of it ---- */

static unsigned usable_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static int make_views(struct run *run, unsigned slots)
{
    run->views = running_make_views(slots, &run->views_fd);
    if (run->views == NULL)
        return -errno;
    for (unsigned i = 0; i < slots; i++)
        atomic_store(&run->views[i].memory_bytes, UINT64_MAX);
    return 0;
}

/* Whoever calls this has seen to being root of something (cli/rights.c). */
static int check_rights(struct cupel_error *err)
{
    if (geteuid() == 0)
        return 0;
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, EPERM, "running jobs takes root of a user namespace at least");
}

static int prepare_store(struct prepared *p, struct cupel_error *err)
{
    size_t removed = 0;
    int r = cache_open(&p->cache, err);

    if (r < 0)
        return r;
    if (runs_recover(cache_dirfd(p->cache), &removed, err) < 0)
        log_warning("%s", err->message); /* what is left over does not keep a new run from its work */
    if (removed > 0)
        log_warning("removed what %zu killed run%s left behind", removed, removed == 1 ? "" : "s");
    r = run_dir_create(cache_dirfd(p->cache), &p->dir, err);
    if (r < 0)
        return r;
    p->run.dirfd = run_dir_fd(p->dir);
    p->run.id = run_dir_id(p->dir);
    p->run.store_dirfd = cache_dirfd(p->cache);
    return 0;
}

static int check_keeping(const struct prepared *p, const struct supervisor_options *o, struct cupel_error *err)
{
    if (o->keep_failed == 0 || p->run.privilege.host)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "--keep-failed needs the rights of root");
    cupel_error_hint(err, "jobs have disks of their own, which can be kept, only when root starts cupel");
    return -EPERM;
}

static void want_devices(struct cgroup_host *host)
{
    struct cgroup_device devices[CGROUP_DEVICES_MAX];
    size_t n;
    const struct sandbox_device *in = sandbox_devices(&n);

    for (size_t i = 0; i < n && i < ARRAY_SIZE(devices); i++)
        devices[i] = (struct cgroup_device){in[i].major, in[i].all_minors ? CGROUP_ALL_MINORS : in[i].minor};
    if (!weakened("device-rules"))
        cgroup_host_want_devices(host, devices, n);
}

int prepare(const struct supervisor_options *options, struct prepared *ret, struct cupel_error *err)
{
    struct prepared p = {0};
    int r = check_rights(err);

    sandbox_privilege_find(&p.run.privilege);
    if (r == 0)
        r = sandbox_privilege_check(&p.run.privilege, err);
    if (r < 0)
        return r;
    p.run.views_fd = -EBADF;
    p.run.cpus = usable_cpus();
    p.run.sample_ns = options->sample_ns;
    p.run.keep_failed = options->keep_failed;
    make_instances(options, &p.run);
    r = cgroup_detect(&p.host, err);
    if (r == 0) {
        want_devices(p.host);
        r = prepare_store(&p, err);
    }
    if (r == 0)
        r = check_keeping(&p, options, err);
    if (r == 0)
        r = check_all(&p, options, err);
    if (r == 0 && options->out != NULL) {
        r = reports_out_open(options->out, &p.run.out, err);
        if (r == 0)
            p.console = reports_console_new(STDERR_FILENO, p.run.n_instances, p.run.out);
    }
    if (r == 0)
        r = record_texts(options, p.run.dirfd, err);
    if (r == 0)
        r = make_roots(&p, err);
    if (r == 0)
        take_image_defaults(&p);
    for (size_t i = 0; r == 0 && i < p.run.n_instances; i++) /* again: an image may have named a user */
        r = unprivileged_check(&p.run.privilege, &p.run.instances[i], err);
    if (r == 0)
        r = make_filters(&p.run, err);
    if (r == 0)
        r = networks_open(&p.run, err);
    if (r == 0 && make_views(&p.run, options->slots) < 0)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot share memory with the slots");
    if (r == 0)
        r = cgroup_run_create(p.host, run_dir_id(p.dir), run_dir_note_cgroup, p.dir, &p.run.cgroups, err);
    if (r == 0 && options->out != NULL)
        r = record_run(options, &p.run, err);
    if (r < 0) {
        prepared_end(&p);
        return r;
    }
    *ret = p;
    return 0;
}

void prepared_end(struct prepared *p)
{
    struct cupel_error err;

    if (p->run.cgroups != NULL && cgroup_run_destroy(p->run.cgroups, &err) < 0)
        log_warning("%s", err.message);
    else if (p->dir != NULL && weakened("cleanup"))
        run_dir_forget(p->dir);
    else if (p->dir != NULL)
        run_dir_remove(p->dir); /* kept where a cgroup is left: the next start tries again */
    reports_console_free(p->console);
    for (size_t i = 0; p->run.roots != NULL && i < p->run.n_roots; i++)
        cache_root_release(&p->run.roots[i]);
    for (size_t i = 0; i < p->run.n_filters; i++)
        sandbox_filter_free(p->run.filters[i]);
    free(p->run.filters);
    base_closep(&p->run.views_fd);
    if (p->run.out != NULL)
        reports_out_close(p->run.out);
    if (p->cache != NULL)
        cache_close(p->cache);
    cgroup_host_free(p->host);
    networks_close(&p->run);
    free(p->run.roots);
    free(p->run.instances);
}

int supervisor_recover(size_t *ret_removed, struct cupel_error *err)
{
    struct cache *cache;
    int r = check_rights(err);

    if (r == 0)
        r = cache_open(&cache, err);
    if (r < 0)
        return r;
    r = runs_recover(cache_dirfd(cache), ret_removed, err);
    cache_close(cache);
    return r;
}
