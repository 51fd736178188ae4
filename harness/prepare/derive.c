/* SPDX-License-Identifier: Apache-2.0 */
/* derive: see derive.h. A root's command is run as a job is, by a slot of its own; what it wrote is
 * taken as a snapshot, as if another job were to start from it, and becomes a layer of the store.
 * The cache knows when that is called for, and who else is at it. */
#include "harness/prepare/derive.h"

#include "base/path_list.h"
#include "harness/attempt/results.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/wire.h"
#include "harness/prepare/roots.h"
#include "harness/run/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#define SHOWN_MAX 200 /* bytes of a command, in `cupel rootfs list` */

/* Whose command is run, and in what. */
struct root_builder {
    struct prepared *p;
    struct run run; /* of one job */
    struct instance instance;
    int signals; /* of who waits for it */
    struct jobs_job job;
    const char *file; /* that the root is described in */
    struct slot slot;
    struct arena *arena;
    /* what decides what comes of it, as it was before the command ran */
    const char **texts;
    struct reports_console *console; /* of its own, where the run has none */
};

/* ---- what decides what comes of it ---- */

struct texts {
    struct arena *arena;
    const char **list;
    size_t n;
};

static void derive_add(struct texts *t, const char *text)
{
    t->list = xrealloc(t->list, (t->n + 2) * sizeof(*t->list));
    t->list[t->n++] = text;
    t->list[t->n] = NULL;
}

/* Adds a list with the number of its texts, so that nothing can pass for something else. */
static void add_list(struct texts *t, const char *what, const char *const *list)
{
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    derive_add(t, arena_printf(t->arena, "%s %zu", what, n));
    for (size_t i = 0; i < n; i++)
        derive_add(t, list[i]);
}

/* Digests all of an input that the command sees: nothing of the out directory, where it lies in
 * there. */
static int digest_input(const struct prepared *p, const struct jobs_host_path *path,
                        char ret_digest[65], struct cupel_error *err)
{
    struct stat st;
    const char *hidden =
        stat(path->path, &st) == 0 ? sandbox_hidden_below(p->run.hidden, &st) : NULL;

    return cache_digest_path(p->cache, path->path, path->trusted, hidden, ret_digest, err);
}

static int add_inputs(struct texts *t, const struct prepared *p, const struct jobs_job *job,
                      struct cupel_error *err)
{
    int r = 0;

    derive_add(t, arena_printf(t->arena, "inputs %zu", job->n_inputs));
    for (size_t i = 0; r == 0 && i < job->n_inputs; i++) {
        const struct jobs_input *in = &job->inputs[i];
        char digest[65];

        r = digest_input(p, &in->host, digest, err);
        derive_add(t, in->to);
        derive_add(t, arena_printf(t->arena, "%d %s", in->mode, r == 0 ? digest : ""));
        if (in->exclude.patterns != NULL)
            add_list(t, "exclude", in->exclude.patterns);
        if (in->listed != NULL)
            add_list(t, "git", path_list_paths(in->listed));
        if (in->has_commit_time)
            derive_add(t, arena_printf(t->arena, "mtime %lld", (long long)in->commit_time));
    }
    return r;
}

static int derive_describe(struct texts *t, const struct prepared *p, const struct jobs_job *job,
                           struct cupel_error *err)
{
    add_list(t, "argv", job->steps[0].argv);
    add_list(t, "env", job->env);
    derive_add(t, arena_printf(t->arena, "network %d", job->network));
    return add_inputs(t, p, job, err);
}

/* What is there for the command alone: where inputs were mounted, and what the sandbox puts in
 * place of a file of the root's. */
static void list_left_out(struct texts *t, const struct jobs_job *job)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        derive_add(t, job->inputs[i].to + 1);
    derive_add(t, "etc/hosts");
    if (job->network == JOBS_NETWORK_NAT || job->network == JOBS_NETWORK_HOST)
        derive_add(t, "etc/resolv.conf");
}

/* ---- running the command ---- */

/* A file is mounted, never copied: nothing of an input becomes part of the layer. */
static void take_job(struct root_builder *b, const struct jobs_root *root)
{
    struct jobs_input *inputs =
        arena_alloc(b->arena, (root->build->n_inputs + 1) * sizeof(*inputs));
    struct stat st;

    b->file = root->file;
    b->job = *root->build;
    b->job.root = root->base;
    b->job.inputs = inputs;
    for (size_t i = 0; i < b->job.n_inputs; i++) {
        inputs[i] = root->build->inputs[i];
        if (stat(inputs[i].from, &st) == 0 && S_ISREG(st.st_mode))
            inputs[i].mode = JOBS_INPUT_RO;
    }
}

/* A session has no out directory: the logs go with the run. */
static int open_out(struct root_builder *b, struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("%s/runs/%s/derive", cache_path(b->p->cache), b->p->run.id);
    int r = b->run.out != NULL ? 0 : reports_out_open(path, &b->run.out, err);

    if (r == 0 && b->p->console == NULL)
        b->console = reports_console_new(STDERR_FILENO, 1, b->run.out);
    return r;
}

static void derive_begin(struct root_builder *b, struct prepared *p, const struct jobs_plan *plan,
                         const struct jobs_root *root, size_t base)
{
    *b = (struct root_builder){.p = p,
                               .run = p->run,
                               .arena = arena_new(),
                               .instance = {.plan = plan, .from = INSTANCE_NONE, .is_base = true},
                               .slot = {.pid = -1, .socket = -EBADF, .pidfd = -EBADF}};
    take_job(b, root);
    b->instance.job = &b->job;
    b->instance.root = base + root->base;
    b->instance.id = b->instance.log_name =
        p->run.root_log_names[base + (size_t)(root - plan->roots)];
    b->run.instances = &b->instance;
    b->run.n_instances = 1;
    b->run.n_services = b->run.n_checkers = 0;
    b->run.keep_failed = 0;
    b->run.sample_ns = 0;
    b->run.snapshots = -EBADF;
    b->run.disk = NULL; /* which is of the slots to come */
}

static void derive_end(struct root_builder *b)
{
    if (b->slot.pid > 0) {
        (void)slot_order(&b->slot, ORDER_FORGET, 0);
        (void)slot_stop(&b->slot);
    }
    base_closep(&b->run.snapshots);
    sandbox_filter_free((struct sandbox_filter *)(uintptr_t)b->instance.filter);
    reports_console_free(b->console);
    if (b->run.out != b->p->run.out)
        reports_out_close(b->run.out);
    arena_free(b->arena);
}

/* Says whether a signal came while the display waits for a reader that does not read. */
static bool derive_gives_up(void *data)
{
    const struct root_builder *b = data;
    struct signalfd_siginfo info;

    return read(b->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

static int derive_failed(struct root_builder *b, struct wire_result *w, struct cupel_error *err)
{
    struct reports_console *console = b->console != NULL ? b->console : b->p->console;
    struct reports_result *r = &w->result;
    const char *name = b->job.name;

    r->attempts = r->attempts_max = 1;
    results_describe(&b->run, &b->instance, w->arena, r);
    results_name_logs(&b->instance, w->has_stdout, w->has_stderr, "logs", w->arena, r);
    r->id = r->job = arena_printf(w->arena, "root %s", name);
    reports_console_stop_on(console, b->signals, derive_gives_up, b);
    reports_console_failure(console, r);
    reports_console_stop_on(console, -EBADF, NULL, NULL);
    (void)cupel_error_set(
        err, r->verdict == REPORTS_ERROR ? CUPEL_ERROR_HARNESS : CUPEL_ERROR_INPUT, 0,
        "%s:%d: cannot make root '%s': %s", b->file, b->job.line, name, r->evidence);
    if (b->run.out == b->p->run.out && (w->has_stdout || w->has_stderr))
        cupel_error_hint(err, "what its command printed is in %s/%s", reports_out_path(b->run.out),
                         w->has_stderr ? r->stderr_log : r->stdout_log);
    return r->verdict == REPORTS_ERROR ? -EIO : -EINVAL;
}

/* Waits until the slot has something to say. The first signal cancels the command, the next kills
 * it; *ret_interrupted: whether there was one. */
static void wait_for_slot(struct root_builder *b, int signals, bool *ret_interrupted)
{
    struct pollfd fds[] = {{.fd = b->slot.socket, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};
    struct signalfd_siginfo info;

    *ret_interrupted = false;
    for (;;) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents != 0 && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            (void)slot_order(&b->slot, *ret_interrupted ? ORDER_KILL : ORDER_CANCEL, 0);
            *ret_interrupted = true;
        }
        if (fds[0].revents != 0)
            return;
    }
}

static int derive_take_result(struct root_builder *b, struct cupel_error *err)
{
    struct wire_result w;
    int r = 0;

    if (wire_receive(b->slot.socket, &w) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "the process that made root '%s' died",
                               b->job.name);
    if (w.instance != 0 || w.result.n_cases != b->job.n_steps)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, EBADMSG, "the process that made root '%s'",
                            b->job.name);
    else if (w.result.verdict != REPORTS_PASSED)
        r = derive_failed(b, &w, err);
    wire_result_free(&w);
    return r;
}

/* Nothing is to be left of it when somebody presses Ctrl-C; outside of this the run's loop takes
 * signals. */
static int run_command(struct root_builder *b, struct cupel_error *err)
{
    cleanup_close int signals = -EBADF;
    bool interrupted = false;
    sigset_t set, before;
    int r;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, &before);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    r = signals < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot take signals")
                    : slot_start(&b->run, &b->slot, 1, 0, err);
    b->signals = signals;
    if (r == 0 && slot_order(&b->slot, ORDER_RUN, 0) == 0)
        wait_for_slot(b, signals, &interrupted);
    if (interrupted)
        r = cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0, "interrupted while root '%s' was made",
                            b->job.name);
    else if (r == 0)
        r = derive_take_result(b, err);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}

/* The layer stands for what its inputs were when its key was made: had they become others
 * meanwhile, it would for good be taken for what it is not. */
static int check_inputs(struct root_builder *b, struct cupel_error *err)
{
    struct texts now = {.arena = b->arena};
    int r = derive_describe(&now, b->p, &b->job, err);
    size_t i = 0;

    while (r == 0 && now.list[i] != NULL && b->texts[i] != NULL && str_eq(now.list[i], b->texts[i]))
        i++;
    if (r == 0 && (now.list[i] != NULL || b->texts[i] != NULL)) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "%s:%d: an input of root '%s' changed while it was made", b->file,
                              b->job.line, b->job.name);
        cupel_error_hint(err, "nothing is kept of it; run it again when nothing else writes there");
        r = -EBUSY;
    }
    free(now.list);
    return r;
}

static int derive_build(void *data, int *ret_tree, struct cupel_error *err)
{
    struct root_builder *b = data;
    struct sandbox_filter *filter;
    int r = sandbox_filter_compile(&b->job.seccomp, &filter, err);

    if (r < 0)
        return r;
    b->instance.filter = filter;
    r = open_out(b, err);
    if (r == 0)
        r = sandbox_snapshots_open(&b->run.snapshots, err);
    if (r == 0)
        r = run_command(b, err);
    if (r == 0)
        r = check_inputs(b, err);
    return r < 0 ? r : sandbox_snapshot_open(b->run.snapshots, 0, &b->run.privilege, ret_tree, err);
}

/* ---- a root, and those beneath it ---- */

/* Returns the command: a script, or the program. */
static const char *command_of(const struct jobs_job *job)
{
    const char **argv = job->steps[0].argv;
    size_t n = 0;

    while (argv[n] != NULL)
        n++;
    return str_eq(argv[0], job->shell) ? argv[n - 1] : argv[0];
}

/* Takes the root from the store or makes it anew; with a lock file, only what is locked. */
static int derive_take(struct prepared *p, const struct cache_recipe *recipe,
                       const struct cache_lockfile *lockfile, struct cache_root *ret,
                       struct cupel_error *err)
{
    int r = lockfile != NULL ? cache_derive_locked(p->cache, lockfile, recipe, ret, err)
                             : cache_derive(p->cache, recipe, ret, err);

    return r < 0 || p->note == NULL
               ? r
               : cache_lockfile_note_derived(p->note, p->cache, recipe, ret, err);
}

static size_t shown_length(const char *command)
{
    size_t n = strcspn(command, "\n");

    return n < SHOWN_MAX ? n : SHOWN_MAX;
}

static int derive(struct prepared *p, const struct instance *in, size_t base,
                  const struct jobs_root *root, struct cache_root *ret, struct cupel_error *err)
{
    const struct jobs_plan *plan = in->plan;
    const struct jobs_job *job = root->build;
    cleanup_free const char **texts = NULL, **left_out = NULL;
    cleanup_free char *shown = NULL;
    struct root_builder b;
    struct texts t, o;
    int r;

    derive_begin(&b, p, plan, root, base);
    t = o = (struct texts){.arena = b.arena};
    list_left_out(&o, job);
    r = derive_describe(&t, p, &b.job, err);
    texts = t.list;
    b.texts = texts;
    left_out = o.list;
    shown = xasprintf("%s: %.*s", plan->roots[root->base].name, (int)shown_length(command_of(job)),
                      command_of(job));
    if (r == 0) {
        const struct cache_recipe recipe = {.name = root->name,
                                            .from = plan->roots[root->base].name,
                                            .shown = shown,
                                            .base = &p->run.roots[b.instance.root],
                                            .texts = texts,
                                            .without = left_out,
                                            .build = derive_build,
                                            .data = &b};

        r = derive_take(p, &recipe, p->lockfiles[in->plan_index], ret, err);
    }
    derive_end(&b);
    return r;
}

/* Makes a root after those below it. As many roots stand over one another as jobs/ lets a file
 * have: no more depth than that. */
static int derive_chain(struct prepared *p, const struct instance *in, size_t base, size_t index,
                        struct cupel_error *err)
{
    const struct jobs_root *root = &in->plan->roots[index];
    struct cache_root *ready = &p->run.roots[base + index];
    int r;

    if (ready->n_layers > 0)
        return 0;
    r = derive_chain(p, in, base, root->base, err);
    return r < 0 ? r : derive(p, in, base, root, ready, err);
}

int derive_roots(struct prepared *p, struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < run_n_prepared(&p->run); i++) {
        const struct instance *in = &p->run.instances[i];

        r = derive_chain(p, in, in->root - in->job->root, in->job->root, err);
    }
    return r;
}
