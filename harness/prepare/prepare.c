/* prepare: see prepare.h. What a host cannot do is refused before anything runs (enforceable.c);
 * the jobs' roots are made by roots.c. */
#include "harness/prepare/prepare.h"

#include "base/weaken.h"
#include "harness/attempt/identity.h"
#include "harness/prepare/derive.h"
#include "harness/prepare/enforceable.h"
#include "harness/prepare/networks.h"
#include "harness/prepare/roots.h"
#include "harness/prepare/run_names.h"
#include "harness/prepare/unbegun.h"
#include "harness/prepare/unprivileged.h"
#include "harness/run/enterable.h"
#include "harness/run/manifest.h"
#include "harness/run/views.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

/* ---- instances ---- */

/* Who starts from whom: jobs stand as in their file, and with each its base is selected (it needs
 * it). */
static void find_bases(struct run *run)
{
    const struct jobs_plan *plan = NULL;
    cleanup_free size_t *instance_of = NULL;
    size_t n = 0;

    for (size_t i = 0; i < run->n_instances; i++) {
        struct instance *in = &run->instances[i];

        in->from = INSTANCE_NONE;
        if (in->plan != plan) {
            plan = in->plan;
            instance_of = xrealloc(instance_of, plan->n_jobs * sizeof(*instance_of));
            for (n = i; n < run->n_instances && run->instances[n].plan == plan; n++)
                instance_of[run->instances[n].job - plan->jobs] = n;
        }
        if (in->job->from == JOBS_FROM_NOTHING)
            continue;
        in->from = instance_of[in->job->from];
        run->instances[in->from].is_base = true;
    }
}

static int open_snapshots(struct run *run, struct cupel_error *err)
{
    for (size_t i = 0; i < run->n_instances; i++)
        if (run->instances[i].is_base)
            return sandbox_snapshots_open(&run->snapshots, err);
    return 0;
}

/* Roots are numbered over all files: the roots of plan p start at base. */
static void make_instances(const struct run_options *o, struct run *run)
{
    size_t n = 0, base = 0, bridge_base = 0;

    for (size_t p = 0; p < o->n_plans; p++)
        n += o->plans[p]->n_jobs;
    run->instances = xcalloc(n, sizeof(*run->instances));
    for (size_t p = 0; p < o->n_plans; p++) {
        const struct jobs_plan *plan = o->plans[p];

        for (size_t j = 0; j < plan->n_jobs; j++)
            if (o->selected[p][j])
                run->instances[run->n_instances++] =
                    (struct instance){.plan = plan,
                                      .plan_index = p,
                                      .job = &plan->jobs[j],
                                      .root = base + plan->jobs[j].root,
                                      .bridge = bridge_base + plan->jobs[j].bridge};
        base += plan->n_roots;
        bridge_base += plan->n_bridges;
    }
    find_bases(run);
    run->n_roots = base;
    run->n_bridges = bridge_base;
    run_names_make(o, run);
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
    run->views = views_make(slots, &run->views_fd);
    if (run->views == NULL)
        return -errno;
    for (unsigned i = 0; i < slots; i++)
        atomic_store(&run->views[i].memory_bytes, UINT64_MAX);
    return 0;
}

/* Whoever calls this has seen to being root of something (cli/cli_rights.c). */
static int check_rights(struct cupel_error *err)
{
    if (geteuid() == 0)
        return 0;
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, EPERM,
                           "running jobs takes root of a user namespace at least");
}

static int prepare_store(struct prepared *p, struct cupel_error *err)
{
    size_t removed = 0;
    int r = cache_open(&p->cache, err);

    if (r < 0)
        return r;
    if (rundirs_recover(cache_dirfd(p->cache), &removed, err) < 0)
        log_warning("%s",
                    err->message); /* what is left over does not keep a new run from its work */
    if (removed > 0)
        log_warning("removed what %zu killed run%s left behind", removed, removed == 1 ? "" : "s");
    r = rundir_create(cache_dirfd(p->cache), &p->dir, err);
    if (r < 0)
        return r;
    p->run.dirfd = rundir_fd(p->dir);
    p->run.id = rundir_id(p->dir);
    p->run.store_dirfd = cache_dirfd(p->cache);
    return 0;
}

static int check_keeping(const struct prepared *p, const struct run_options *o,
                         struct cupel_error *err)
{
    if (o->keep_failed == 0 || p->run.privilege.host || sandbox_store_takes_layers(p->run.dirfd))
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "--keep-failed: the store's file system cannot hold what jobs write");
    cupel_error_hint(err, "without root, it has to take overlayfs' upper layers with user.* "
                          "attributes (ext4, xfs, btrfs, "
                          "tmpfs): set CUPEL_CACHE");
    return -EOPNOTSUPP;
}

/* One list for all payloads of the run: what a job's own /dev lacks it cannot make. */
static void want_devices(struct run *run, struct cgroup_host *host)
{
    struct cgroup_device devices[CGROUP_DEVICES_MAX];
    struct sandbox_device in[SANDBOX_DEVICES_MAX];
    size_t n;

    for (size_t i = 0; i < run->n_instances; i++)
        run->devices |= run->instances[i].job->devices;
    n = sandbox_devices(run->devices, in);
    for (size_t i = 0; i < n && i < ARRAY_SIZE(devices); i++)
        devices[i] =
            (struct cgroup_device){in[i].major, in[i].all_minors ? CGROUP_ALL_MINORS : in[i].minor};
    if (!weakened("device-rules"))
        cgroup_host_want_devices(host, devices, n);
}

/* A run that was begun has a report, whoever ended it. */
static void report_interrupted(const struct run_options *options, const struct prepared *p,
                               const struct cupel_error *why)
{
    struct cupel_error err;

    if (p->run.out != NULL && unbegun_report(options, p, why->message, &err) < 0)
        log_warning("%s", err.message);
}

/* Tried: 90 are too few for three jobs in two slots; the rest is for layers. Disks of jobs are
 * files, and so are logs. */
#define FILES_BASE 128
#define FILES_SLOT 4
#define DISK_BYTES (UINT64_C(5) << 30)
#define LOG_BYTES (UINT64_C(64) << 20)

/* Before anything is made: without descriptors it could not be removed again either. */
static int check_own_limits(const struct run_options *options, const struct run *run,
                            struct cupel_error *err)
{
    size_t inputs = 0;
    int r;

    for (size_t i = 0; i < run->n_instances; i++)
        if (run->instances[i].job->n_inputs > inputs)
            inputs = run->instances[i].job->n_inputs;
    r = own_limits_check_files(FILES_BASE + FILES_SLOT * (uint64_t)options->slots + 2 * inputs,
                               err);
    return r == 0 ? own_limits_check_size(run->privilege.host ? DISK_BYTES : LOG_BYTES, err) : r;
}

/* Jobs see nothing of the out directory (sandbox/slot/hidden.c). Where nothing is reported to one,
 * there may be one all the same, of earlier runs: a session sees what its job would see, and a
 * derived root is the same for both. */
static int hide_out(const struct run_options *o, struct run *run, struct cupel_error *err)
{
    const char *path = o->out != NULL ? o->out : o->hides != NULL ? o->hides : RUN_OUT;
    cleanup_close int there = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = run->out != NULL ? reports_out_dirfd(run->out) : there;

    sandbox_hidden_free(run->hidden);
    run->hidden = NULL;
    if (fd < 0 || (o->out == NULL && !reports_out_is_one(fd)))
        return 0;
    return sandbox_hidden_find(fd, &run->hidden, err);
}

static int hold_signals(struct prepared *p, struct cupel_error *err)
{
    int r = interrupt_hold(&p->signals);

    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot take signals") : 0;
}

int prepare_run(const struct run_options *options, struct prepared *ret, struct cupel_error *err)
{
    struct prepared p = {.signals = INTERRUPT_INIT};
    int r = check_rights(err);

    sandbox_oom_stay();
    sandbox_privilege_find(&p.run.privilege);
    if (r == 0)
        r = sandbox_privilege_check(&p.run.privilege, err);
    if (r < 0)
        return r;
    p.run.views_fd = p.run.snapshots = -EBADF;
    p.run.cpus = usable_cpus();
    p.run.sample_ns = options->sample_ns;
    p.run.keep_failed = options->keep_failed;
    make_instances(options, &p.run);
    r = check_own_limits(options, &p.run, err);
    if (r == 0)
        r = cgroup_detect(&p.host, err);
    if (r == 0) {
        want_devices(&p.run, p.host);
        r = prepare_store(&p, err);
    }
    if (r == 0)
        r = check_keeping(&p, options, err);
    if (r == 0) /* what an earlier run left there takes no room of a job's disk */
        r = hide_out(options, &p.run, err);
    if (r == 0)
        r = enforceable_check(&p, options, err);
    if (r == 0 && options->out != NULL) {
        r = reports_out_open(options->out, &p.run.out, err);
        if (r == 0)
            r = hide_out(options, &p.run, err);
        if (r == 0)
            p.console = reports_console_new(STDERR_FILENO, p.run.n_instances, p.run.out);
    }
    if (r == 0)
        r = manifest_texts(options, p.run.dirfd, err);
    if (r == 0) /* from here on it may take minutes: who ends it gets a report */
        r = hold_signals(&p, err);
    if (r == 0)
        r = roots_make(options, &p, err);
    for (size_t i = 0; r == 0 && i < p.run.n_instances;
         i++) /* again: an image may have named a user */
        r = unprivileged_check(&p.run.privilege, &p.run.instances[i], err);
    if (r == 0)
        r = make_filters(&p.run, err);
    if (r == 0)
        r = networks_open(&p.run, err);
    if (r == 0)
        r = open_snapshots(&p.run, err);
    if (r == 0 && make_views(&p.run, options->slots) < 0)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot share memory with the slots");
    if (r == 0)
        r = cgroup_run_create(p.host, rundir_id(p.dir), rundir_note_cgroup, p.dir, &p.run.cgroups,
                              err);
    if (r == 0 && options->run_memory > 0)
        r = cgroup_run_bound_memory(p.run.cgroups, options->run_memory, err);
    if (r == 0)
        r = derive_roots(&p, err);
    if (r == 0)
        r = identity_find_all(&p.run, err);
    if (r == 0)
        identity_settle_inputs(&p.run);
    if (r == 0)
        r = manifest_roots(&p.run, err);
    if (r == 0 && options->out != NULL)
        r = manifest_run(options, &p.run, err);
    if (r < 0) {
        bool told = err->kind == CUPEL_ERROR_INTERRUPTED;

        if (told)
            report_interrupted(options, &p, err);
        prepared_end(&p);
        interrupt_release(&p.signals, told);
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
        rundir_forget(p->dir);
    else if (p->dir != NULL)
        rundir_remove(p->dir); /* kept where a cgroup is left: the next start tries again */
    reports_console_free(p->console);
    roots_release(p);
    for (size_t i = 0; i < p->run.n_filters; i++)
        sandbox_filter_free(p->run.filters[i]);
    free(p->run.filters);
    base_closep(&p->run.views_fd);
    base_closep(&p->run.snapshots);
    if (p->run.out != NULL)
        reports_out_close(p->run.out);
    sandbox_hidden_free(p->run.hidden);
    if (p->cache != NULL)
        cache_close(p->cache);
    cgroup_host_free(p->host);
    networks_close(&p->run);
    free(p->run.root_log_names);
    free(p->run.instances);
}

int prepare_make_roots(const struct run_options *options, prepare_root_fn *tell, void *data,
                       struct cupel_error *err)
{
    struct prepared p;
    int r = prepare_run(options, &p, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < p.run.n_instances; i++)
        tell(data, &p.run.instances[i].plan->roots[p.run.instances[i].job->root],
             p.run.roots[p.run.instances[i].root].n_layers);
    prepared_end(&p);
    interrupt_release(&p.signals, false);
    return 0;
}

int prepare_recover(size_t *ret_removed, struct cupel_error *err)
{
    struct cache *cache;
    int r = check_rights(err);

    if (r == 0)
        r = cache_open(&cache, err);
    if (r < 0)
        return r;
    r = rundirs_recover(cache_dirfd(cache), ret_removed, err);
    cache_close(cache);
    return r;
}

int prepare_sweep(size_t *ret_removed, struct cupel_error *err)
{
    struct cgroup_host *host;
    int r = cgroup_detect(&host, err);

    if (r < 0)
        return r;
    *ret_removed = cgroup_sweep(host);
    cgroup_host_free(host);
    return 0;
}
