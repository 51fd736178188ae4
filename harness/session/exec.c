/* SPDX-License-Identifier: Apache-2.0 */
/* exec: one command, run and judged as the job of a run is, with the caller's streams for its own.
 * This process is a supervisor of one slot and one job: it takes the signals, and writes the
 * result. Bytes are carried by the slot (attempt/forward.c). Not responsible for what the command
 * line means. */
#include "base/redact.h"
#include "harness/attempt/results.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/wire.h"
#include "harness/prepare/prepare.h"
#include "harness/session/session.h"
#include "harness/session/session_job.h"
#include "harness/session/tty.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

struct exec {
    const struct exec_options *options;
    struct session_job of;
    const char **env; /* the job's, with TERM; or NULL */
    char *term;
    struct prepared p;
    struct run_streams streams;
    struct slot slot;
    struct tty tty;
    int signals;
    unsigned asked; /* how often we were asked to end */
    int signal;     /* the first one that did */
    int exit;
};

/* ---- exit codes ---- */

static const int verdict_exit[REPORTS_VERDICT_COUNT] = {
    [REPORTS_TIMEOUT] = EXEC_EXIT_TIMEOUT,
    [REPORTS_CPU_LIMIT] = 241,
    [REPORTS_MEMORY_LIMIT] = 242,
    [REPORTS_PIDS_LIMIT] = 243,
    [REPORTS_DISK_LIMIT] = 244,
    [REPORTS_OUTPUT_LIMIT] = 245,
    [REPORTS_INVALID_SUBMISSION] = 246,
    [REPORTS_ERROR] = CUPEL_ERROR_HARNESS,
};

/* The command's own, as shells have it, unless something else ended it. */
static int exit_of(const struct exec *e, const struct reports_result *r)
{
    if (e->signal != 0)
        return 128 + e->signal;
    if (verdict_exit[r->verdict] != 0)
        return verdict_exit[r->verdict];
    if (r->not_executed != 0)
        return r->not_executed == ENOENT ? 127 : 126;
    if (r->signal > 0)
        return 128 + r->signal;
    if (r->exit > 0)
        return r->exit;
    return r->verdict == REPORTS_PASSED ? 0 : 1; /* it did all but what else was asked of it */
}

/* ---- what is said ---- */

/* Whether the exit code alone tells what happened. */
static bool speaks_for_itself(const struct reports_result *r)
{
    if (r->not_executed != 0)
        return false;
    return r->verdict == REPORTS_PASSED || r->verdict == REPORTS_SIGNALED ||
           (r->verdict == REPORTS_FAILED && r->exit > 0);
}

static void say_line(const char *what, const char *text)
{
    cleanup_strbuf struct strbuf shown = {0};
    cleanup_free char *own = NULL;

    text_add_line(&shown, redact_remark(text, &own));
    (void)fprintf(stderr, "cupel: %s%s\n", what, shown.data != NULL ? shown.data : "");
}

static void say(const struct exec *e, const struct reports_result *r)
{
    cleanup_free char *what = NULL;

    if (e->options->quiet && r->verdict != REPORTS_ERROR)
        return;
    if (!speaks_for_itself(r)) {
        what = r->verdict == REPORTS_FAILED ? xstrdup("")
                                            : xasprintf("%s: ", reports_verdict_name(r->verdict));
        say_line(what, r->evidence);
    }
    for (const char **note = r->notes;
         e->options->artifacts != NULL && note != NULL && *note != NULL; note++)
        say_line("", *note);
}

static int write_result(const struct exec *e, struct reports_result *r, struct cupel_error *err)
{
    if (e->options->result < 0)
        return 0;
    if (e->options->name != NULL)
        r->id = e->options->name;
    if (str_eq(e->of.plan.file, JOBS_COMMAND_LINE)) {
        r->file = NULL;
        r->line = 0;
    }
    return reports_jsonl_write(e->options->result, r, err);
}

/* There is a result though there was no attempt. */
static void write_failure(const struct exec *e, const struct cupel_error *why)
{
    cleanup_free char *own = NULL;
    const char *evidence = redact_remark(why->message, &own);
    struct reports_case only = {.verdict = REPORTS_ERROR, .evidence = evidence, .exit = -1};
    struct reports_result r = {.id = e->of.job->name,
                               .job = e->of.job->name,
                               .file = e->of.plan.file,
                               .verdict = why->kind == CUPEL_ERROR_INTERRUPTED ? REPORTS_CANCELLED
                                                                               : REPORTS_ERROR,
                               .evidence = evidence,
                               .exit = -1,
                               .cases = &only,
                               .n_cases = 1};
    struct cupel_error ignored;

    (void)write_result(e, &r, &ignored); /* the first error is the one to tell */
}

/* ---- signals ---- */

static int take_signals(struct exec *e, struct cupel_error *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGQUIT);
    if (e->options->terminal) /* nobody is to be stopped who has a terminal in raw mode */
        (void)sigaddset(&set, SIGTSTP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)sigdelset(&set, SIGTSTP);
    e->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return e->signals < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot take signals")
                          : 0;
}

static void on_signal(struct exec *e)
{
    struct signalfd_siginfo info;

    if (read(e->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (e->asked++ == 0)
        e->signal = (int)info.ssi_signo;
    /* a slot that is gone has ended it already */
    (void)slot_order(&e->slot, e->asked == 1 ? ORDER_CANCEL : ORDER_KILL, e->slot.instance);
}

/* ---- one attempt ---- */

static int wait_for_result(struct exec *e, struct wire_result *ret, struct cupel_error *err)
{
    struct pollfd fds[] = {{.fd = e->slot.socket, .events = POLLIN},
                           {.fd = e->signals, .events = POLLIN}};

    for (;;) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
            continue;
        if (fds[1].revents != 0)
            on_signal(e);
        if (fds[0].revents == 0)
            continue;
        if (wire_receive(e->slot.socket, ret) == 0) {
            ret->result.slot = 1;
            return 0;
        }
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                               "the process that looked after the command has died");
    }
}

static int run_instance(struct exec *e, size_t instance, struct wire_result *ret,
                        struct cupel_error *err)
{
    e->slot.instance = (uint32_t)instance;
    if (slot_order(&e->slot, ORDER_RUN, e->slot.instance) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EPIPE, "the slot takes no orders");
    return wait_for_result(e, ret, err);
}

/* The jobs that the command's starts from. */
static int run_bases(struct exec *e, struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i + 1 < e->p.run.n_instances; i++) {
        const struct instance *base = &e->p.run.instances[i];
        struct wire_result w;

        r = run_instance(e, i, &w, err);
        if (r < 0)
            return r;
        if (w.result.verdict == REPORTS_CANCELLED)
            r = cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0, "interrupted");
        else if (w.result.verdict != REPORTS_PASSED)
            r = cupel_error_set(
                err, w.result.verdict == REPORTS_ERROR ? CUPEL_ERROR_HARNESS : CUPEL_ERROR_INPUT, 0,
                "job '%s', which has to run first, did not pass (%s): %s", base->job->name,
                reports_verdict_name(w.result.verdict), w.result.evidence);
        wire_result_free(&w);
    }
    return r;
}

static int begin_terminal(struct exec *e, struct cupel_error *err)
{
    int r;

    if (!e->options->terminal)
        return 0;
    r = tty_open(&e->tty, STDIN_FILENO);
    if (r == 0)
        r = tty_raw(&e->tty);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot prepare the terminal") : 0;
}

static int run_command(struct exec *e, struct cupel_error *err)
{
    size_t last = e->p.run.n_instances - 1;
    struct reports_result *r;
    struct wire_result w;
    int result = run_bases(e, err);

    if (result == 0)
        result = begin_terminal(e, err);
    if (result == 0)
        result = run_instance(e, last, &w, err);
    if (e->options->terminal)
        tty_close(&e->tty);
    if (result < 0)
        return result;
    r = &w.result;
    r->attempts = r->attempts_max = 1;
    results_describe(&e->p.run, &e->p.run.instances[last], w.arena, r);
    e->exit = exit_of(e, r);
    result = write_result(e, r, err);
    say(e, r);
    wire_result_free(&w);
    return result;
}

/* ---- begin and end ---- */

/* TERM tells programs what the caller's terminal understands; the job's own word comes later and
 * wins. */
static void give_term(struct exec *e)
{
    const char *term = getenv("TERM");
    const char **own = e->of.job->env;
    size_t n = 0;

    e->of.job->devices |= 1u << JOBS_DEVICE_TTY | 1u << JOBS_DEVICE_PTS | 1u << JOBS_DEVICE_PTMX;
    if (term == NULL)
        return;
    while (own[n] != NULL)
        n++;
    e->env = xcalloc(n + 2, sizeof(*e->env));
    e->env[0] = e->term = xasprintf("TERM=%s", term);
    memcpy(e->env + 1, own, n * sizeof(*own));
    e->of.job->env = e->env;
}

static void find_terminal(struct exec *e)
{
    struct winsize size;

    e->streams.terminal = e->options->terminal;
    if (e->options->terminal && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
        e->streams.rows = size.ws_row;
        e->streams.columns = size.ws_col;
    }
    if (e->options->terminal)
        give_term(e);
}

static int exec_prepare(struct exec *e, struct cupel_error *err)
{
    const struct exec_options *options = e->options;
    struct jobs_plan *plans[] = {&e->of.plan};
    bool selected_jobs[SESSION_JOBS_MAX], *selected[] = {selected_jobs};
    const struct run_options o = {.plans = plans,
                                  .selected = selected,
                                  .n_plans = 1,
                                  .slots = 1,
                                  .has_slots = true,
                                  .retries = -1,
                                  .best_effort = options->best_effort,
                                  .allow_host_network = options->allow_host_network,
                                  .allow_devices = options->allow_devices,
                                  .sample_ns = options->sample_ns};
    int r = session_job_check(&e->of, err);

    for (size_t i = 0; i < e->of.plan.n_jobs; i++)
        selected_jobs[i] = true;
    return r < 0 ? r : prepare_run(&o, &e->p, err);
}

static int run_prepared(struct exec *e, struct cupel_error *err)
{
    struct run *run = &e->p.run;
    int r = session_job_open_logs(&e->of, run, err);

    run->streams = &e->streams;
    if (r == 0 && e->options->artifacts != NULL)
        r = reports_out_open_files(e->options->artifacts, &run->files, err);
    if (r == 0 && run->files != NULL) /* it may lie in an input, and would be copied into itself */
        r = sandbox_hidden_add(reports_out_dirfd(run->files), &run->hidden, err);
    if (r == 0)
        r = take_signals(e, err);
    if (r == 0)
        r = slot_start(run, &e->slot, 1, 0, err);
    if (r == 0)
        r = run_command(e, err);
    if (e->slot.pid > 0)
        (void)slot_stop(&e->slot);
    reports_out_close(run->files);
    return r;
}

int session_exec(const struct exec_options *options, int *ret_exit, struct cupel_error *err)
{
    struct exec e = {.options = options,
                     .signals = -EBADF,
                     .slot = {.pid = -1, .socket = -EBADF, .pidfd = -EBADF},
                     .tty = {.guard = -1, .guard_pipe = -EBADF}};
    int r;

    session_job_make(&e.of, options->plan, options->job, false);
    find_terminal(&e);
    r = exec_prepare(&e, err);
    if (r == 0) {
        r = run_prepared(&e, err);
        prepared_end(&e.p);
        base_closep(&e.signals);
        interrupt_release(&e.p.signals, false);
    }
    if (r < 0)
        write_failure(&e, err);
    else
        *ret_exit = e.exit;
    free(e.env);
    free(e.term);
    return r;
}
