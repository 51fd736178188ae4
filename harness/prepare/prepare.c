/* SPDX-License-Identifier: Apache-2.0 */
/* prepare: see prepare.h. What a host cannot do is refused before anything runs (enforceable.c);
 * the jobs' roots are made by roots.c. */
#include "harness/prepare/prepare.h"
#include "harness/prepare/cached_results.h"

#include "base/aside.h"
#include "base/libcrypto.h"
#include "base/weaken.h"
#include "harness/attempt/identity.h"
#include "harness/prepare/derive.h"
#include "harness/prepare/enforceable.h"
#include "harness/prepare/git_inputs.h"
#include "harness/prepare/kept_verdicts.h"
#include "harness/prepare/missing_programs.h"
#include "harness/prepare/networks.h"
#include "harness/prepare/roots.h"
#include "harness/prepare/run_instances.h"
#include "harness/prepare/run_record.h"
#include "harness/prepare/secrets.h"
#include "harness/prepare/unbegun.h"
#include "harness/prepare/unprivileged.h"
#include "harness/run/manifest.h"
#include "harness/run/trace.h"
#include "harness/run/views.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

static int open_snapshots(struct run *run, struct cupel_error *err)
{
    for (size_t i = 0; i < run->n_instances; i++)
        if (run->instances[i].is_base)
            return sandbox_snapshots_open(&run->snapshots, err);
    return 0;
}

/* ---- seccomp programs ---- */

/* One for each profile that a selected job asks for; nearly always that is one. */
static int make_filters(struct run *run, struct cupel_error *err)
{
    const struct jobs_seccomp **profiles = xcalloc(run_n_prepared(run), sizeof(*profiles));
    int r = 0;

    run->filters = xcalloc(run_n_prepared(run), sizeof(*run->filters));
    for (size_t i = 0; r == 0 && i < run_n_prepared(run); i++) {
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

/* Checks that we are root of something, which whoever calls this has seen to (cli/cli_rights.c). */
static int check_rights(struct cupel_error *err)
{
    if (geteuid() == 0)
        return 0;
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, EPERM,
                           "running jobs takes root of a user namespace at least");
}

/* ---- the steps ---- */

/* What each step adds to. */
#define PREPARE_STEPS_MAX 32

struct preparation {
    const struct run_options *options;
    struct prepared p;
    struct cache_host_look *host_look; /* until the store has it */
    struct aside *filters;             /* while they are compiled */
    int filters_made;
    struct cupel_error filters_err;
    struct cupel_error *err;
    uint64_t began_ns[PREPARE_STEPS_MAX]; /* by step */
};

static int step_rights(struct preparation *s)
{
    return check_rights(s->err);
}

static int step_privilege(struct preparation *s)
{
    sandbox_oom_stay();
    sandbox_privilege_find(&s->p.run.privilege);
    return sandbox_privilege_check(&s->p.run.privilege, s->err);
}

/* Preparing a job beside those that run takes a slot, and a CPU that would be idle. */
static unsigned count_slots(const struct run_options *o, const struct run *run)
{
    if (o->takes_more)
        return o->slots + o->more_slots;
    if (o->no_ahead || run->cpus < 2 || run->n_instances <= o->slots)
        return o->slots;
    return run->n_instances - o->slots < o->slots ? (unsigned)run->n_instances : 2 * o->slots;
}

static int step_instances(struct preparation *s)
{
    s->p.run.cpus = own_limits_cpus();
    s->p.run.sample_ns = s->options->sample_ns;
    s->p.run.keep_failed = s->options->keep_failed;
    s->p.run.keep_passed = s->options->keep_passed;
    run_instances_make(s->options, &s->p.run);
    s->p.run.n_slots = count_slots(s->options, &s->p.run);
    return 0;
}

static bool is_over_host(const struct instance *in)
{
    size_t index = in->job->root;

    while (in->plan->roots[index].kind == JOBS_ROOT_DERIVED)
        index = in->plan->roots[index].base;
    return in->plan->roots[index].kind == JOBS_ROOT_HOST;
}

static int step_host_look(struct preparation *s)
{
    const struct run *run = &s->p.run;

    for (size_t i = 0; s->host_look == NULL && i < run_n_prepared(run); i++)
        if (is_over_host(&run->instances[i]))
            s->host_look = cache_host_look_begin();
    return 0;
}

/* Tried: 90 are too few for three jobs in two slots; the rest is for layers. Disks of jobs are
 * files, and so are logs. */
#define FILES_BASE 128
#define FILES_SLOT 4
#define LAYERS_AN_INPUT 4 /* that is another job's files, of which each layer is opened */
#define DISK_BYTES (UINT64_C(5) << 30)
#define LOG_BYTES (UINT64_C(64) << 20)

/* Checks our own resource limits before anything is made: without descriptors it could not be
 * removed again either. */
static int step_own_limits(struct preparation *s)
{
    struct run *run = &s->p.run;
    size_t inputs = 0;
    int r;

    for (size_t i = 0; i < run_n_prepared(run); i++) {
        const struct jobs_job *job = run->instances[i].job;
        size_t n = job->n_inputs * (jobs_takes_files(job) ? LAYERS_AN_INPUT : 1);

        if (n > inputs)
            inputs = n;
    }
    r = own_limits_check_files(FILES_BASE + FILES_SLOT * (uint64_t)run->n_slots + 2 * inputs,
                               s->err);
    if (r < 0 && run->n_slots > s->options->slots) { /* then none prepares */
        run->n_slots = s->options->slots;
        r = own_limits_check_files(FILES_BASE + FILES_SLOT * (uint64_t)run->n_slots + 2 * inputs,
                                   s->err);
    }
    return r == 0 ? own_limits_check_size(run->privilege.host ? DISK_BYTES : LOG_BYTES, s->err) : r;
}

static int step_host(struct preparation *s)
{
    return cgroup_detect(&s->p.host, s->err);
}

/* One list for all payloads of the run: what a job's own /dev lacks it cannot make. */
static int step_devices(struct preparation *s)
{
    struct cgroup_device devices[CGROUP_DEVICES_MAX];
    struct sandbox_device in[SANDBOX_DEVICES_MAX];
    struct run *run = &s->p.run;
    size_t n;

    for (size_t i = 0; i < run_n_prepared(run); i++)
        run->devices |= run->instances[i].job->devices;
    n = sandbox_devices(run->devices, in);
    for (size_t i = 0; i < n && i < ARRAY_SIZE(devices); i++)
        devices[i] =
            (struct cgroup_device){in[i].major, in[i].all_minors ? CGROUP_ALL_MINORS : in[i].minor};
    if (!weakened("device-rules"))
        cgroup_host_want_devices(s->p.host, devices, n);
    return 0;
}

static int step_store(struct preparation *s)
{
    struct prepared *p = &s->p;
    size_t removed = 0;
    int r = cache_open(&p->cache, s->err);

    if (r < 0)
        return r;
    cache_take_host_look(p->cache, s->host_look);
    s->host_look = NULL;
    if (rundirs_recover(cache_dirfd(p->cache), &removed, s->err) <
        0) /* keeps no run from its work */
        log_warning("%s", s->err->message);
    if (removed > 0)
        log_warning("removed what %zu killed run%s left behind", removed, removed == 1 ? "" : "s");
    r = rundir_create(cache_dirfd(p->cache), &p->dir, s->err);
    if (r < 0)
        return r;
    p->run.dirfd = rundir_fd(p->dir);
    p->run.id = rundir_id(p->dir);
    p->run.cache = p->cache;
    p->run.store_dirfd = cache_dirfd(p->cache);
    p->run.templates = sandbox_templates_open(p->run.store_dirfd);
    return 0;
}

/* Begins the first disk, as soon as there is a place for it. */
static int step_disk(struct preparation *s)
{
    struct run *run = &s->p.run;

    if (s->options->has_slots && run->n_instances > 0)
        run->disk = sandbox_disk_ahead_begin(&run->privilege, run->dirfd, run->templates,
                                             run->instances[0].job);
    return 0;
}

static int step_keeping(struct preparation *s)
{
    const struct run *run = &s->p.run;

    if (s->options->keep_failed == 0 || run->privilege.host ||
        sandbox_store_takes_layers(run->dirfd))
        return 0;
    (void)cupel_error_set(s->err, CUPEL_ERROR_HARNESS, 0,
                          "--keep-failed: the store's file system cannot hold what jobs write");
    cupel_error_hint(s->err, "without root, it has to take overlayfs' upper layers with user.* "
                             "attributes (ext4, xfs, btrfs, "
                             "tmpfs): set CUPEL_CACHE");
    return -EOPNOTSUPP;
}

/* Jobs see nothing of the out directory (sandbox/slot/hidden.c). Where nothing is reported to one,
 * there may be one all the same, of earlier runs: a session sees what its job would see, and a
 * derived root is the same for both. What an earlier run left there takes no room of a job's disk,
 * which step_enforceable has to know; so it is looked for before, and again once it is ours. */
static int step_hide_out(struct preparation *s)
{
    const struct run_options *o = s->options;
    struct run *run = &s->p.run;
    const char *path = o->out != NULL ? o->out : o->hides != NULL ? o->hides : RUN_OUT;
    cleanup_close int there = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = run->out != NULL ? reports_out_dirfd(run->out) : there;

    sandbox_hidden_free(run->hidden);
    run->hidden = NULL;
    if (fd < 0 || (o->out == NULL && !reports_out_is_one(fd)))
        return 0;
    return sandbox_hidden_find(fd, &run->hidden, s->err);
}

static int step_enforceable(struct preparation *s)
{
    return enforceable_check(&s->p, s->options, s->err);
}

static int step_git_inputs(struct preparation *s)
{
    return git_inputs_list(&s->p.run, s->err);
}

static int step_out(struct preparation *s)
{
    int r;

    if (s->options->keeps_out) {
        cleanup_free char *path =
            xasprintf("%s/runs/%s/out", cache_path(s->p.cache), rundir_id(s->p.dir));

        return reports_out_open(path, &s->p.run.out, s->err);
    }
    if (s->options->out == NULL)
        return 0;
    r = reports_out_open_noting(s->options->out, s->options->earlier, &s->p.run.out, s->err);
    if (r == 0)
        r = step_hide_out(s);
    if (r == 0)
        s->p.console = reports_console_new(STDERR_FILENO, s->p.run.n_instances, s->p.run.out);
    if (r == 0 && s->options->by_submission)
        reports_console_by_submission(s->p.console);
    if (r == 0 && s->options->trace_setup)
        r = trace_open(s->p.run.out, &s->p.run.trace, s->err);
    s->p.run.traces = s->p.run.trace >= 0;
    return r;
}

/* Loads what artifacts are hashed with before slots are forked: none has to look for it then. */
static int load_hash(const struct run *run, struct cupel_error *err)
{
    for (size_t i = 0; i < run->n_instances; i++)
        if (run->instances[i].job->artifacts.paths.patterns != NULL)
            return libcrypto_load(err);
    return 0;
}

static int step_texts(struct preparation *s)
{
    int r = load_hash(&s->p.run, s->err);

    return r < 0 ? r : manifest_texts(s->options, s->p.run.dirfd, s->err);
}

/* Holds signals: from here on it may take minutes, and who ends it gets a report. */
static int step_signals(struct preparation *s)
{
    int r = interrupt_hold(&s->p.signals);

    return r < 0 ? cupel_error_set(s->err, CUPEL_ERROR_HARNESS, r, "cannot take signals") : 0;
}

/* Fetches them before the roots are made, which may take minutes. What is refused then may stand in
 * what was noted of where the job files are. */
static int step_secrets(struct preparation *s)
{
    int r = s->options->no_secrets
                ? 0
                : secrets_fetch(&s->p.run, s->options->out, &s->p.signals, s->err);

    if (r < 0 && s->p.run.redact != NULL && s->p.run.out != NULL &&
        !secrets_are_hidden(&s->p.run, s->options->out))
        reports_out_forget_earlier(s->p.run.out);
    s->p.knows_secrets = r == 0 && !s->options->no_secrets;
    return r;
}

/* Says what the run is before its roots are made. */
static int step_record(struct preparation *s)
{
    return run_record_begin(s->options, &s->p, s->err);
}

static int step_roots(struct preparation *s)
{
    return roots_make(s->options, &s->p, s->err);
}

/* Checks users again: an image may have named one. */
static int step_users(struct preparation *s)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < run_n_prepared(&s->p.run); i++)
        r = unprivileged_check(&s->p.run.privilege, &s->p.run.instances[i], s->err);
    return r;
}

static void filters_aside(void *data)
{
    struct preparation *s = data;

    s->filters_made = make_filters(&s->p.run, &s->filters_err);
}

/* Nothing but what jobs are started with needs them. */
static int step_filters(struct preparation *s)
{
    s->filters = aside_begin(filters_aside, s);
    if (s->filters == NULL)
        filters_aside(s);
    return 0;
}

static int step_filters_made(struct preparation *s)
{
    aside_wait(s->filters);
    s->filters = NULL;
    if (s->filters_made < 0)
        *s->err = s->filters_err;
    return s->filters_made;
}

static int step_networks(struct preparation *s)
{
    return networks_open(&s->p.run, s->err);
}

static int step_snapshots(struct preparation *s)
{
    return open_snapshots(&s->p.run, s->err);
}

static int step_views(struct preparation *s)
{
    struct run *run = &s->p.run;

    run->views = views_make(run->n_slots, &run->views_fd);
    if (run->views == NULL)
        return cupel_error_set(s->err, CUPEL_ERROR_HARNESS, errno,
                               "cannot share memory with the slots");
    for (unsigned i = 0; i < run->n_slots; i++)
        atomic_store(&run->views[i].memory_bytes, UINT64_MAX);
    return 0;
}

static int step_cgroups(struct preparation *s)
{
    int r = cgroup_run_create(s->p.host, rundir_id(s->p.dir), rundir_note_cgroup, s->p.dir,
                              &s->p.run.cgroups, s->err);

    if (r == 0 && s->options->run_memory > 0)
        r = cgroup_run_bound_memory(s->p.run.cgroups, s->options->run_memory, s->err);
    return r;
}

static int step_derived_roots(struct preparation *s)
{
    return derive_roots(&s->p, s->err);
}

static int step_identities(struct preparation *s)
{
    int r = identity_find_all(&s->p.run, s->err);

    if (r == 0)
        identity_settle_inputs(&s->p.run);
    return r;
}

static int step_programs(struct preparation *s)
{
    missing_programs_find(&s->p.run);
    return 0;
}

/* Looks for what has ended before, when all that jobs depend on is there. */
static int step_results(struct preparation *s)
{
    int r = kept_verdicts_find(&s->p, s->options, s->err);

    return r == 0 ? cached_results_find(&s->p, s->options, s->err) : r;
}

static int step_manifest(struct preparation *s)
{
    int r = manifest_roots(&s->p.run, s->err);

    if (r == 0 && s->options->out != NULL)
        r = manifest_run(s->options, &s->p.run, s->err);
    return r == 0 ? run_record_prepared(&s->p, s->err) : r;
}

/* ---- all of it ---- */

/* In this order. The names are for tests: CUPEL_FAULT. */
static const struct {
    const char *name;
    int (*run)(struct preparation *s);
} prepare_table[] = {
    {"run-rights", step_rights},
    {"run-privilege", step_privilege},
    {"run-instances", step_instances},
    {"run-host-look", step_host_look},
    {"run-filters", step_filters},
    {"run-own-limits", step_own_limits},
    {"run-host", step_host},
    {"run-devices", step_devices},
    {"run-git-inputs", step_git_inputs},
    {"run-store", step_store},
    {"run-disk", step_disk},
    {"run-keeping", step_keeping},
    {"run-hide-out", step_hide_out},
    {"run-enforceable", step_enforceable},
    {"run-out", step_out},
    {"run-texts", step_texts},
    {"run-signals", step_signals},
    {"run-secrets", step_secrets},
    {"run-record", step_record},
    {"run-roots", step_roots},
    {"run-users", step_users},
    {"run-networks", step_networks},
    {"run-snapshots", step_snapshots},
    {"run-views", step_views},
    {"run-cgroups", step_cgroups},
    {"run-filters-made", step_filters_made},
    {"run-derived-roots", step_derived_roots},
    {"run-identities", step_identities},
    {"run-programs", step_programs},
    {"run-results", step_results},
    {"run-manifest", step_manifest},
};

_Static_assert(ARRAY_SIZE(prepare_table) <= PREPARE_STEPS_MAX, "there is room for their times");

size_t prepare_step_count(void)
{
    return ARRAY_SIZE(prepare_table);
}

const char *prepare_step_name(size_t i)
{
    return prepare_table[i].name;
}

/* Writes what the steps took to the trace. */
static void trace_preparation(const struct preparation *s)
{
    struct trace_step list[ARRAY_SIZE(prepare_table)];
    uint64_t end = clock_monotonic_ns();

    for (size_t i = ARRAY_SIZE(prepare_table); i-- > 0; end = s->began_ns[i])
        list[i] = (struct trace_step){
            .name = prepare_table[i].name, .where = "supervisor", .took_ns = end - s->began_ns[i]};
    trace_run(s->p.run.trace, list, ARRAY_SIZE(prepare_table));
}

static int run_steps(struct preparation *s)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(prepare_table); i++) {
        s->began_ns[i] = clock_monotonic_ns();
        r = prepare_table[i].run(s);
        if (r == 0 && fault_wanted(prepare_table[i].name))
            r = cupel_error_set(s->err, CUPEL_ERROR_HARNESS, EIO,
                                "preparing the run failed at '%s'", prepare_table[i].name);
    }
    return r;
}

/* A run that was begun has a report, whatever ended it; unless a report would show a secret. */
static void report_unbegun(const struct run_options *options, struct prepared *p,
                           const struct cupel_error *why)
{
    struct cupel_error err;

    if (options->out != NULL && p->run.out != NULL && secrets_are_hidden(&p->run, options->out) &&
        unbegun_report(options, p,
                       why->kind == CUPEL_ERROR_INTERRUPTED ? REPORTS_CANCELLED : REPORTS_ERROR,
                       why->message, &err) < 0)
        log_warning("%s", err.message);
}

int prepare_run(const struct run_options *options, struct prepared *ret, struct cupel_error *err)
{
    struct preparation s = {
        .options = options,
        .p = {.began_ns = clock_monotonic_ns(),
              .run = {.templates = -EBADF,
                      .views_fd = -EBADF,
                      .trace = -EBADF,
                      .snapshots = -EBADF,
                      .cores = CORES_NONE},
              .signals = INTERRUPT_INIT},
        .err = err,
    };
    int r;

    (void)clock_gettime(CLOCK_REALTIME, &s.p.began);
    r = run_steps(&s);

    aside_wait(s.filters);
    cache_host_look_end(s.host_look);
    if (r == 0 && s.p.run.traces)
        trace_preparation(&s);
    if (r < 0) {
        bool told = err->kind == CUPEL_ERROR_INTERRUPTED;

        report_unbegun(options, &s.p, err);
        prepared_end(&s.p);
        interrupt_release(&s.p.signals, told);
        return r;
    }
    *ret = s.p;
    return 0;
}

void prepared_end(struct prepared *p)
{
    struct cupel_error err;

    sandbox_disk_ahead_end(p->run.disk);
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
    base_closep(&p->run.trace);
    base_closep(&p->run.snapshots);
    base_closep(&p->run.templates);
    if (p->run.out != NULL)
        reports_out_close(p->run.out);
    cores_free(&p->run.cores);
    sandbox_hidden_free(p->run.hidden);
    if (p->cache != NULL)
        cache_close(p->cache);
    cgroup_host_free(p->host);
    networks_close(&p->run);
    secrets_forget(&p->run);
    run_record_free(p);
    kept_verdicts_free(&p->run);
    cached_results_free(&p->run);
    git_inputs_free(&p->run);
    free(p->run.root_log_names);
    for (size_t i = 0; p->run.instances != NULL && i < p->run.n_instances; i++)
        free(p->run.instances[i].lacks);
    free(p->run.instances);
}

int prepare_make_roots(const struct run_options *options, prepare_root_fn *tell, void *data,
                       struct cupel_error *err)
{
    struct run_options without = *options;
    struct prepared p;
    int r;

    without.no_secrets = true; /* no job runs */
    r = prepare_run(&without, &p, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < run_n_prepared(&p.run); i++)
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
