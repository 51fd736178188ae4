/* SPDX-License-Identifier: Apache-2.0 */
/* session: see session.h. This is the front half: it prepares what a run prepares, with the session
 * as its only job; forks the other half (serve.c), which does what a slot does; and carries bytes
 * and signals (relay.c) until that one ends. */
#include "harness/session/session.h"

#include "harness/prepare/prepare.h"
#include "harness/run/run.h"
#include "harness/run/run_options.h"
#include "harness/session/relay.h"
#include "harness/session/serve.h"
#include "harness/session/session_job.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The kernel holds all others by itself; these are about a command that nobody waits for. */
static const enum jobs_limit not_held[] = {
    JOBS_LIMIT_WALL,      JOBS_LIMIT_IDLE,          JOBS_LIMIT_CPU_TIME,
    JOBS_LIMIT_OUTPUT,    JOBS_LIMIT_STDOUT,        JOBS_LIMIT_STDERR,
    JOBS_LIMIT_WALL_KILL, JOBS_LIMIT_CPU_TIME_KILL, JOBS_LIMIT_INSTRUCTIONS};

struct session {
    const struct session_options *options;
    bool terminal;
    struct session_job of;
    struct jobs_job *job; /* of.job */
    struct jobs_step step;
    const struct run *run;                 /* in a sandbox of its own */
    const struct enterable_handle *handle; /* or in a running job */
    const char *const *of_image;           /* of that job */
    struct sandbox_filter *filter;
    const char **argv;
    const char **env;
    char *term; /* of env */
};

/* ---- the job that the session is ---- */

/* TERM tells programs what the caller's terminal understands; the job's own word comes later and
 * wins. */
static void make_env(struct session *s, const char *const *own)
{
    const char *term = getenv("TERM");
    size_t n = 0, k = 0;

    while (own[n] != NULL)
        n++;
    s->env = xcalloc(n + 2, sizeof(*s->env));
    if (s->terminal && term != NULL) {
        s->term = xasprintf("TERM=%s", term);
        s->env[k++] = s->term;
    }
    memcpy(s->env + k, own, n * sizeof(*own));
}

/* A copy: the caller's may lie where PID 1 writes over this program's own command line
 * (setup_session). */
static void make_argv(struct session *s)
{
    const char *shell[] = {s->options->job->shell, NULL};
    const char *const *argv = s->options->command != NULL ? s->options->command : shell;
    size_t n = 0;

    while (argv[n] != NULL)
        n++;
    s->argv = xcalloc(n + 1, sizeof(*s->argv));
    for (size_t i = 0; i < n; i++)
        s->argv[i] = xstrdup(argv[i]);
}

static void free_argv(struct session *s)
{
    for (size_t i = 0; s->argv[i] != NULL; i++)
        free((char *)(uintptr_t)s->argv[i]);
    free(s->argv);
}

static void make_job(struct session *s)
{
    const struct session_options *o = s->options;

    session_job_make(&s->of, o->plan, o->job, o->kept != NULL);
    s->job = s->of.job;
    make_argv(s);
    s->step = (struct jobs_step){.argv = s->argv, .expect = {.exit = -1}, .line = o->job->line};
    make_env(s, o->job->env);
    s->job->steps = &s->step;
    s->job->n_steps = 1;
    s->job->has_steps = s->job->goes_on = false;
    s->job->after = NULL;
    s->job->checker = NULL;
    if (o->no_services)
        s->job->services = NULL;
    s->job->env = s->env;
    s->job->stdin_text = s->job->stdin_file.path = NULL;
    s->job->artifacts.paths.patterns = NULL;
    memset(s->job->tests, 0, sizeof(s->job->tests));
    s->job->coverage = (struct jobs_coverage){0};
    if (s->terminal)
        s->job->devices |= 1u << JOBS_DEVICE_TTY | 1u << JOBS_DEVICE_PTS | 1u << JOBS_DEVICE_PTMX;
}

/* Lets go of them in a sandbox of the session's own; one in a running job has what that has. */
static void hold_less(struct session *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(not_held); i++)
        s->job->limits.set &= ~(1u << not_held[i]);
}

static void name_unenforced(const struct session *s, const struct run *run)
{
    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (((run->unenforced_set >> i) & 1u) && jobs_limit_is_set(&s->job->limits, i))
            log_warning("the limit '%s' is not held on this machine", jobs_limit_table[i].key);
    if (run->no_cgroup_view && s->job->cgroup_view)
        log_warning("there is no control group for `cgroup-view` on this machine");
}

/* ---- the two halves ---- */

static struct launch_session streams(const struct session *s)
{
    struct launch_session l = {.stdio = s->terminal ? SANDBOX_STDIO_TERMINAL : SANDBOX_STDIO_PIPES,
                               .kept = s->options->kept};
    struct winsize size;

    if (s->terminal && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
        l.rows = size.ws_row;
        l.columns = size.ws_col;
    }
    return l;
}

/* What the other half does; never returns. */
typedef void half_fn(const struct session *s, int socket, pid_t front);

_Noreturn static void slot_half(const struct session *s, int socket, pid_t front)
{
    const struct serve_session slot = {.run = s->run, .launch = streams(s), .socket = socket};

    serve_session(&slot, front);
}

_Noreturn static void entry_half(const struct session *s, int socket, pid_t front)
{
    const struct serve_entry entry = {.plan = &s->of.plan,
                                      .job = s->job,
                                      .handle = s->handle,
                                      .of_image = s->of_image,
                                      .filter = s->filter,
                                      .launch = streams(s),
                                      .socket = socket};

    serve_entry(&entry, front);
}

static int run_halves(const struct session *s, half_fn *other, struct relay_end *ret,
                      struct cupel_error *err)
{
    cleanup_close int signals = relay_signals(), socket = -EBADF;
    pid_t front = getpid(), pid;
    int ends[2];

    if (signals < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, signals, "cannot take signals");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot make a socket for the session");
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        (void)close(signals);
        other(s, ends[1], front);
        _exit(1);
    }
    socket = ends[0];
    (void)close(ends[1]);
    if (pid < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot start the session's process");
    relay_run(socket, s->terminal, signals, ret);
    base_closep(&socket);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

static int conclude(const struct relay_end *end, bool terminal, int *ret_exit,
                    struct cupel_error *err)
{
    if (end->failed) {
        *err = end->err;
        return -EIO;
    }
    if (end->err.message[0] != '\0' && end->signal == 0)
        (void)fprintf(stderr, "%scupel: %s\n", terminal ? "\n" : "", end->err.message);
    *ret_exit = end->signal != 0 ? 128 + end->signal : end->exit;
    return 0;
}

static void session_begin(struct session *s, const struct session_options *options)
{
    *s = (struct session){.options = options,
                          .terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
    make_job(s);
}

static void session_finish(struct session *s)
{
    sandbox_filter_free(s->filter);
    free_argv(s);
    free(s->env);
    free(s->term);
}

int session_shell(const struct session_options *options, int *ret_exit, struct cupel_error *err)
{
    struct session s;
    struct jobs_plan *plans[] = {&s.of.plan};
    bool selected_jobs[SESSION_JOBS_MAX], *selected[] = {selected_jobs};
    const struct run_options o = {.plans = plans,
                                  .selected = selected,
                                  .n_plans = 1,
                                  .slots = 1,
                                  .retries = -1,
                                  .hides = options->hides,
                                  .no_secrets = options->kept != NULL && !options->secrets,
                                  .best_effort = options->best_effort,
                                  .allow_host_network = options->allow_host_network,
                                  .allow_devices = options->allow_devices};
    struct prepared prepared;
    struct relay_end end;
    int r;

    session_begin(&s, options);
    hold_less(&s);
    if (o.no_secrets && options->job->n_secrets > 0)
        log_warning("the secrets of job '%s' are not given to it again without --secrets",
                    options->job->name);
    for (size_t i = 0; i < s.of.plan.n_jobs; i++)
        selected_jobs[i] = true;
    r = session_job_check(&s.of, err);
    if (r == 0)
        r = prepare_run(&o, &prepared, err);
    if (r == 0) {
        interrupt_release(&prepared.signals, false); /* the session's own from here on */
        name_unenforced(&s, &prepared.run);
        s.run = &prepared.run;
        r = session_job_open_logs(&s.of, &prepared.run, err);
        if (r == 0)
            r = run_halves(&s, slot_half, &end, err);
        prepared_end(&prepared);
    }
    if (r == 0)
        r = conclude(&end, s.terminal, ret_exit, err);
    session_finish(&s);
    return r;
}

int session_enter(const struct session_options *options, const struct enterable_handle *handle,
                  const char *const *of_image, int *ret_exit, struct cupel_error *err)
{
    struct session s;
    struct relay_end end;
    int r;

    session_begin(&s, options);
    s.handle = handle;
    s.of_image = of_image;
    r = sandbox_filter_compile(&s.job->seccomp, &s.filter, err);
    if (r == 0)
        r = run_halves(&s, entry_half, &end, err);
    if (r == 0)
        r = conclude(&end, s.terminal, ret_exit, err);
    session_finish(&s);
    return r;
}
