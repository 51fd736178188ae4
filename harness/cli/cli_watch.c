/* SPDX-License-Identifier: Apache-2.0 */
/* cli_watch: see cli_watch.h. Not responsible for what is watched (watch_files.c), nor for what a
 * change is about (cli_changed.c). */
#include "harness/cli/cli_watch.h"

#include "harness/cli/cli_changed.h"
#include "harness/cli/cli_settings.h"
#include "harness/cli/watch_files.h"
#include "harness/cli/watch_keys.h"
#include "rootfs-cache/cache.h"

#include "base/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK "CUPEL_WATCH_RUN"
/* Who saves a file may save several, or one in steps. */
#define SETTLED_NS (100 * NSEC_PER_MSEC)
#define SETTLED_MAX_NS (2 * NSEC_PER_SEC)
#define NAMES_SHOWN 10
#define JOBS_TEXT_MAX ((size_t)256 * 1024 * 1024)
#define EXIT_INTERRUPTED 130

struct watching {
    const struct cli_watch *o;
    struct watch_files *files;
    struct watch_keys keys;
    int signals;
    sigset_t mask;            /* as it was */
    struct jobs_plan **plans; /* the last ones that were right */
    bool **selected;
    struct git_changes changes;          /* that no run has been about */
    bool lost;                           /* and more than that */
    uint64_t settled_ns, settled_max_ns; /* when to look at them; 0: there are none */
    pid_t run;                           /* 0: none */
    int run_pidfd;
    int code; /* of the last run */
    bool ended, interrupted;
};

/* ---- the run's side ---- */

bool cli_watch_is_run(void)
{
    return getenv(MARK) != NULL;
}

enum cli_watch_run cli_watch_run_of(int *ret_fd)
{
    const char *mark = getenv(MARK);
    enum cli_watch_run is = mark == NULL             ? CLI_WATCH_NONE
                            : str_eq(mark, "first")  ? CLI_WATCH_FIRST
                            : str_eq(mark, "failed") ? CLI_WATCH_FAILED
                            : str_eq(mark, "all")    ? CLI_WATCH_ALL
                                                     : CLI_WATCH_SOME;

    if (is == CLI_WATCH_SOME)
        *ret_fd = atoi(mark);
    (void)unsetenv(MARK);
    return is;
}

/* Each line is a plan's number, a space and a job's name. */
int cli_watch_read_jobs(int fd, struct jobs_plan *const *plans, size_t n, bool *const *among)
{
    cleanup_free char *text = NULL;
    struct strset names = {0};
    struct cupel_error err;
    size_t len;
    int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, JOBS_TEXT_MAX, &text, &len);

    (void)close(fd);
    if (r < 0) {
        (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r, "cannot read which jobs are meant");
        return cli_fail(&err);
    }
    for (char *line = text, *rest; (line = strtok_r(line, "\n", &rest)) != NULL; line = NULL)
        (void)strset_add(&names, line);
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < plans[p]->n_jobs; i++) {
            cleanup_free char *line = xasprintf("%zu %s", p, plans[p]->jobs[i].name);

            among[p][i] = among[p][i] && strset_has(&names, line);
        }
    strset_free(&names);
    return 0;
}

/* ---- runs ---- */

/* Starts a run; `jobs` is a descriptor that it inherits, for `mark` "SOME"; or negative. */
static int start_run(struct watching *w, const char *mark, int jobs)
{
    pid_t parent = getpid();
    struct cupel_error err;

    watch_keys_off(&w->keys);
    (void)fflush(NULL);
    w->run = fork();
    if (w->run == 0) {
        char number[16];

        program_die_with(parent);
        (void)sigprocmask(SIG_SETMASK, &w->mask, NULL);
        (void)snprintf(number, sizeof(number), "%d", jobs);
        if ((jobs < 0 || fcntl(jobs, F_SETFD, 0) == 0) &&
            setenv(MARK, jobs < 0 ? mark : number, 1) == 0)
            (void)execv("/proc/self/exe", w->o->full_argv);
        _exit(CUPEL_ERROR_HARNESS);
    }
    w->run_pidfd = w->run > 0 ? (int)syscall(SYS_pidfd_open, w->run, 0) : -EBADF;
    if (w->run > 0 && w->run_pidfd >= 0)
        return 0;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, errno, "cannot start a run");
    if (w->run > 0) {
        (void)kill(w->run, SIGKILL);
        (void)waitpid(w->run, NULL, 0);
    }
    w->run = 0;
    w->ended = true;
    return w->code = cli_fail(&err);
}

static void end_run(struct watching *w)
{
    int status = 0;

    while (waitpid(w->run, &status, 0) < 0 && errno == EINTR)
        ;
    base_closep(&w->run_pidfd);
    w->run_pidfd = -EBADF;
    w->run = 0;
    w->code = WIFEXITED(status) ? WEXITSTATUS(status) : CUPEL_ERROR_HARNESS;
    w->ended |= w->interrupted;
}

static void tell_waiting(struct watching *w)
{
    bool keys = watch_keys_on(&w->keys);

    (void)fprintf(stderr, "cupel: waiting for changes%s\n",
                  keys ? " (r: run all, f: run what has not passed, q: quit)" : "");
}

/* ---- what is watched ---- */

static void add_path(void *data, const char *path, bool is_pattern)
{
    if (is_pattern)
        watch_files_add_pattern(data, path);
    else
        watch_files_add(data, path);
}

/* Watches what the chosen jobs of the last good files read. Without an end: 0, or the exit code. */
static int watch_again(struct watching *w)
{
    cleanup_free char *store = cache_place(geteuid() == 0);
    struct cupel_error err;

    watch_files_begin(w->files);
    watch_files_leave_out(w->files, w->o->out);
    if (store != NULL)
        watch_files_leave_out(w->files, store);
    for (size_t p = 0; p < w->o->n; p++)
        cli_changed_each_path(w->plans[p], w->selected[p], add_path, w->files);
    return watch_files_end(w->files, &err) < 0 ? cli_fail(&err) : 0;
}

static void forget_plans(struct jobs_plan **plans, bool **selected, size_t n)
{
    for (size_t i = 0; selected != NULL && i < n; i++)
        free(selected[i]);
    free(selected);
    if (plans != NULL)
        cli_free_plans(plans, n);
}

/* Reads the files, and what of them is chosen, anew; 0 or the exit code, and then the old ones
 * stay. */
static int load_again(struct watching *w)
{
    struct jobs_plan **plans = xcalloc(w->o->n, sizeof(*plans));
    bool **selected = xcalloc(w->o->n, sizeof(*selected));
    int code = cli_load_plans(w->o->files, w->o->n, w->o->set, w->o->out, plans, NULL);

    if (code == 0)
        code = cli_choose(w->o->choice, plans, w->o->n, NULL, selected);
    if (code == 0) {
        forget_plans(w->plans, w->selected, w->o->n);
        w->plans = plans;
        w->selected = selected;
    } else {
        forget_plans(plans, selected, w->o->n);
    }
    return code;
}

/* ---- which jobs a change is about ---- */

static void add_name(struct strbuf *to, size_t n, const char *name)
{
    if (n < NAMES_SHOWN) {
        strbuf_adds(to, n > 0 ? ", " : "");
        text_add_line(to, name);
    }
}

static void tell_names(const char *what, struct strbuf *names, size_t n)
{
    if (n > NAMES_SHOWN)
        strbuf_addf(names, " and %zu more", n - NAMES_SHOWN);
    (void)fprintf(stderr, "cupel: %s: %s\n", what, names->data);
}

static void tell_changes(const struct watching *w)
{
    cleanup_strbuf struct strbuf names = {0};
    cleanup_free char *here = realpath(".", NULL);
    size_t n_here = here != NULL ? strlen(here) : 0, n = 0;
    struct strset told = {0}; /* what changed while the job file was wrong may have changed again */

    for (size_t i = 0; i < w->changes.n; i++) {
        cleanup_free char *path = xasprintf("/%s", w->changes.paths[i]);
        bool is_here = n_here > 1 && str_starts(path, here) && path[n_here] == '/';

        if (strset_add(&told, path))
            add_name(&names, n++, path + (is_here ? n_here + 1 : 0));
    }
    strset_free(&told);
    if (n > 0)
        tell_names("changed", &names, n);
}

/* Notes which jobs there were, to tell those that are new. */
static void note_jobs(const struct watching *w, struct strset *to)
{
    for (size_t p = 0; p < w->o->n; p++)
        for (size_t i = 0; i < w->plans[p]->n_jobs; i++) {
            cleanup_free char *line = xasprintf("%zu %s", p, w->plans[p]->jobs[i].name);

            (void)strset_add(to, line);
        }
}

/* Marks the jobs that have to do with the changes, and those that are new; how many they are. */
static size_t mark_jobs(const struct watching *w, const struct strset *before, bool **among)
{
    size_t n = 0;

    for (size_t p = 0; p < w->o->n; p++) {
        const struct jobs_plan *plan = w->plans[p];

        among[p] = xcalloc(plan->n_jobs + 1, sizeof(bool));
        memset(among[p], true, plan->n_jobs);
        (void)cli_changed_mark_plan(&w->changes, plan, among[p]);
        for (size_t i = 0; i < plan->n_jobs; i++) {
            cleanup_free char *line = xasprintf("%zu %s", p, plan->jobs[i].name);

            among[p][i] =
                (among[p][i] || w->lost || !strset_has(before, line)) && w->selected[p][i];
            n += among[p][i];
        }
    }
    return n;
}

/* Writes the marked jobs down for the run, and names them; a descriptor, or -errno. */
static int name_jobs(const struct watching *w, bool *const *among)
{
    struct jobs_ids *ids = jobs_ids_new(w->plans, w->o->n);
    int fd = memfd_create("jobs", MFD_CLOEXEC);
    cleanup_strbuf struct strbuf text = {0}, names = {0};
    size_t n = 0;

    for (size_t p = 0; p < w->o->n; p++)
        for (size_t i = 0; i < w->plans[p]->n_jobs; i++)
            if (among[p][i]) {
                cleanup_free char *id = NULL;

                strbuf_addf(&text, "%zu %s\n", p, w->plans[p]->jobs[i].name);
                id = jobs_id(ids, w->plans[p], &w->plans[p]->jobs[i]);
                add_name(&names, n++, id);
            }
    jobs_ids_free(ids);
    tell_names("that is about", &names, n);
    if (fd >= 0 && file_write_all(fd, text.data, text.len) < 0) {
        (void)close(fd);
        return -EIO;
    }
    return fd;
}

/* Runs what the changes are about. */
static void run_changed(struct watching *w, const struct strset *before)
{
    bool **among = xcalloc(w->o->n, sizeof(*among));
    size_t n = mark_jobs(w, before, among);

    if (n > 0) {
        cleanup_close int fd = -EBADF;

        tell_changes(w);
        fd = name_jobs(w, among);
        (void)start_run(w, "all", fd); /* all, where there is no room to say which */
    }
    for (size_t p = 0; p < w->o->n; p++)
        free(among[p]);
    free(among);
    git_changes_free(&w->changes);
    w->changes.top = xstrdup("/");
    w->lost = false;
}

/* Looks at what has changed: reads the job files again, watches what they name now, and then runs,
 * in that order: what changes from here on is another change. */
static void on_settled(struct watching *w)
{
    struct strset before = {0};
    bool lost;
    int code;

    w->settled_ns = w->settled_max_ns = 0;
    watch_files_take(w->files, &w->changes, &lost);
    w->lost |= lost;
    if (w->changes.n == 0 && !w->lost)
        return; /* what came has gone */
    note_jobs(w, &before);
    code = load_again(w);
    if (watch_again(w) != 0) {
        w->ended = true;
        w->code = CUPEL_ERROR_HARNESS;
    } else if (code != 0) { /* the changes stay, for when the files are right again */
        (void)fputs("cupel: nothing is run until that is right\n", stderr);
    } else {
        run_changed(w, &before);
    }
    strset_free(&before);
}

/* ---- the loop ---- */

static void note_changes(struct watching *w)
{
    uint64_t now = clock_monotonic_ns();

    if (!watch_files_read(w->files))
        return;
    if (w->settled_max_ns == 0)
        w->settled_max_ns = now + SETTLED_MAX_NS;
    w->settled_ns = now + SETTLED_NS < w->settled_max_ns ? now + SETTLED_NS : w->settled_max_ns;
}

/* Ctrl-C reaches the run by itself; what somebody else sends does not. */
static void watch_on_signal(struct watching *w)
{
    struct signalfd_siginfo info;

    if (read(w->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    w->interrupted = true;
    if (w->run == 0)
        w->ended = true;
    else if (info.ssi_code != SI_KERNEL)
        (void)kill(w->run, (int)info.ssi_signo);
}

static void watch_on_key(struct watching *w)
{
    char key = watch_keys_read(&w->keys);

    if (key == 'q')
        w->ended = true;
    if (key == 'r')
        (void)start_run(w, "all", -EBADF);
    if (key == 'f')
        (void)start_run(w, "failed", -EBADF);
}

static int time_left_ms(const struct watching *w)
{
    uint64_t now = clock_monotonic_ns();

    if (w->settled_ns == 0 || w->run != 0)
        return -1;
    return w->settled_ns <= now ? 0 : (int)((w->settled_ns - now) / NSEC_PER_MSEC) + 1;
}

static void watch_loop(struct watching *w)
{
    bool waits = false; /* and has said so */

    while (!w->ended) {
        struct pollfd fds[4];

        if (w->run == 0 && !waits)
            tell_waiting(w); /* from here on, keys are read */
        waits = w->run == 0;
        fds[0] = (struct pollfd){.fd = w->signals, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = watch_files_fd(w->files), .events = POLLIN};
        fds[2] = (struct pollfd){.fd = w->run_pidfd, .events = POLLIN};
        fds[3] = (struct pollfd){.fd = w->run == 0 ? w->keys.fd : -1, .events = POLLIN};

        if (poll(fds, ARRAY_SIZE(fds), time_left_ms(w)) < 0 && errno != EINTR)
            break;
        if (fds[0].revents != 0)
            watch_on_signal(w);
        if (fds[1].revents != 0)
            note_changes(w);
        if (fds[2].revents != 0)
            end_run(w);
        if (fds[3].revents != 0 && !w->ended)
            watch_on_key(w);
        if (!w->ended && w->run == 0 && w->settled_ns != 0 && w->settled_ns <= clock_monotonic_ns())
            on_settled(w);
    }
}

/* A signal counts from here, also one that comes before the first run. */
static int open_signals(struct watching *w, struct cupel_error *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, &w->mask);
    w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return w->signals < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot take signals")
                          : 0;
}

int cli_watch(const struct cli_watch *o)
{
    struct watching w = {.o = o, .run_pidfd = -EBADF, .signals = -EBADF};
    struct cupel_error err;
    int code = settings_apply(); /* by which the store's place is known */

    if (code == 0)
        code = load_again(&w);

    w.changes.top = xstrdup("/");
    watch_keys_begin(&w.keys);
    if (code == 0 && (open_signals(&w, &err) < 0 || watch_files_open(&w.files, &err) < 0))
        code = cli_fail(&err);
    if (code == 0)
        code = watch_again(&w);
    if (code == 0)
        code = start_run(&w, "first", -EBADF);
    if (code == 0) {
        watch_loop(&w);
        code = w.interrupted ? EXIT_INTERRUPTED : w.code;
    }
    watch_keys_off(&w.keys);
    watch_files_close(w.files);
    git_changes_free(&w.changes);
    forget_plans(w.plans, w.selected, o->n);
    base_closep(&w.signals);
    return code;
}
