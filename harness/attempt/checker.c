/* SPDX-License-Identifier: Apache-2.0 */
/* checker: see checker.h.
 *
 * What is judged are copies, made when no process of the job is left that could write: the checker
 * sees a directory of the run's with three files in it, read-only, and nothing that the job ever
 * had a path or a descriptor to. Where the checker is at fault, so is whoever wrote it: that is the
 * verdict `error`, and never a word on the job. */
#include "harness/attempt/checker.h"

#include "base/weaken.h"
#include "harness/attempt/attempt_end.h"
#include "harness/attempt/checker_process.h"
#include "harness/attempt/checker_state.h"
#include "harness/attempt/deadline.h"
#include "harness/attempt/expect.h"
#include "harness/attempt/interactor.h"
#include "harness/attempt/slot.h"
#include "harness/run/instances.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the process ---- */

/* Names its directory in that of the run. */
static char *place_of(const struct checker *c)
{
    return xasprintf("check-%u", c->slot);
}

static int make_place(struct checker *c)
{
    cleanup_free char *name = place_of(c);
    cleanup_close int dir = file_open_dir_p_at(c->run->dirfd, name, 0755);

    if (dir < 0)
        return dir;
    if (mkdirat(dir, CHECKER_FEEDBACK_DIR, 0755) < 0 && errno != EEXIST)
        return -errno;
    c->dir = steal_fd(&dir);
    return 0;
}

static int start_process(struct checker *c)
{
    const struct run *run = c->run;
    cleanup_free char *place = place_of(c),
                      *dir = xasprintf("%s/runs/%s/%s", cache_path(run->cache), run->id, place);
    struct checker_process p = {.number = run->n_slots * (1 + JOBS_SERVICES_MAX) + c->slot,
                                .slot = getpid(),
                                .dir = dir,
                                .ends = c->ends,
                                .transcript = c->transcript};
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    c->pid = _Fork();
    if (c->pid == 0) {
        (void)close(ends[0]);
        (void)close(c->orders);
        (void)close(c->dir);
        sandbox_disk_ahead_given(run->disk);
        p.orders = ends[1];
        checker_process(run, &p);
    }
    r = c->pid < 0 ? -errno : 0;
    (void)close(ends[1]);
    if (r < 0)
        (void)close(ends[0]);
    else
        c->socket = ends[0];
    return r;
}

struct checker *checker_open(const struct run *run, unsigned slot, int orders)
{
    struct checker *c;

    if (run->n_checkers == 0 || run->streams != NULL)
        return NULL;
    c = xmalloc(sizeof(*c));
    *c = (struct checker){.pid = -1,
                          .socket = -EBADF,
                          .dir = -EBADF,
                          .run = run,
                          .slot = slot,
                          .orders = orders,
                          .transcript = -EBADF};
    if (interactor_share(c) == 0 && make_place(c) == 0 && start_process(c) == 0)
        return c;
    checker_close(c);
    return NULL;
}

void checker_lose(struct checker *c)
{
    base_closep(&c->socket);
    c->socket = -EBADF;
    while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    c->pid = -1;
}

void checker_close(struct checker *c)
{
    if (c == NULL)
        return;
    checker_lose(c);
    base_closep(&c->dir);
    interactor_unshare(c);
    free(c);
}

bool checker_is_gone(struct checker *c)
{
    if (c == NULL)
        return false;
    if (c->pid > 0 && waitpid(c->pid, NULL, WNOHANG) == c->pid) {
        c->pid = -1;
        checker_lose(c);
    }
    return c->socket < 0;
}

/* Starts one that has the slot's stage too, which it keeps until it ends; the slot ends later. */
void checker_revive(struct checker *c)
{
    (void)start_process(c);
}

/* ---- what it is given ---- */

static int make_file(const struct checker *c, const char *name, int *ret_fd)
{
    cleanup_close int fd = -EBADF;

    if (unlinkat(c->dir, name, 0) < 0 && errno != ENOENT)
        return -errno;
    fd = openat(c->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0) /* whatever the umask */
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

/* A file of the host's that the job file names. */
static int give_file(const struct jobs_host_path *path, const char *what, int to,
                     struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    uint64_t size = 0;
    int r = host_path_open_file(path, what, &fd, &size, err);

    if (r < 0)
        return r;
    r = file_copy_part(fd, 0, size, to);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot copy %s %s for the checker",
                                   what, path->path)
                 : 0;
}

/* One of the three: a text, a part of a file that is open, or a file of the host's. */
struct given {
    const char *name, *what;
    const char *text;
    size_t text_len;
    const struct jobs_host_path *path;
    const struct checker_output *part;
};

static int give(const struct checker *c, const struct given *g, struct cupel_error *err)
{
    cleanup_close int to = -EBADF;
    int r = make_file(c, g->name, &to);

    if (r == 0 && g->text != NULL)
        r = file_write_all(to, g->text, g->text_len);
    else if (r == 0 && g->part != NULL && g->part->fd >= 0)
        r = file_copy_part(g->part->fd, g->part->from, g->part->len, to);
    else if (r == 0 && g->path != NULL && g->path->path != NULL)
        return give_file(g->path, g->what, to, err);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot give the checker its %s",
                                   g->name)
                 : 0;
}

int checker_give(const struct checker *c, const struct attempt *a, struct cupel_error *err)
{
    const struct jobs_job *job = a->job;
    const struct jobs_expect *e = &job->steps[job->n_steps - 1].expect;
    const struct given all[] = {
        {.name = CHECKER_INPUT_FILE,
         .what = "stdin-file",
         .text = job->stdin_text,
         .text_len = job->stdin_len,
         .path = &job->stdin_file},
        {.name = CHECKER_OUTPUT_FILE, .part = &a->written},
        {.name = CHECKER_ANSWER_FILE,
         .what = "stdout-file",
         .text = e->stdout_text,
         .text_len = e->stdout_len,
         .path = &e->stdout_file},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(all); i++)
        r = give(c, &all[i], err);
    return r;
}

void checker_take_back(const struct checker *c)
{
    static const char *const names[] = {CHECKER_INPUT_FILE, CHECKER_OUTPUT_FILE,
                                        CHECKER_ANSWER_FILE};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        (void)unlinkat(c->dir, names[i], 0);
}

void checker_take_output(struct attempt *a, const struct step_facts *last)
{
    struct checker_output *o = &a->written;
    struct cupel_error err;
    int r;

    /* a file that it left: expect_left.c */
    if (a->job->checker == NULL || a->job->checker->interactive || a->job->output != NULL ||
        a->forwards || a->facts->cause != CAUSE_NONE || !last->ended ||
        a->step + 1 != a->facts->n_steps)
        return;
    r = expect_open_output(&a->capture, 0, last, &o->fd, &o->from, &o->len);
    o->known = r == 0;
    if (r == 0)
        return;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r, "cannot read the output of job '%s'",
                          a->job->name);
    attempt_fail(a, &err);
}

/* ---- one check ---- */

void checker_fail(struct attempt *a, const struct cupel_error *err)
{
    if (a->facts->cause == CAUSE_NONE)
        a->facts->harness = *err;
    attempt_note_cause(a, attempt_cause_of(a, err), false);
}

void checker_end_check(const struct checker *c)
{
    struct slot_message kill_it = {.order = ORDER_KILL};

    (void)send(c->socket, &kill_it, sizeof(kill_it), MSG_NOSIGNAL);
}

void checker_take_order(struct attempt *a, const struct checker *c)
{
    struct slot_message m;
    ssize_t n = recv(a->ctx->orders, &m, sizeof(m), MSG_DONTWAIT);
    bool whole = n == (ssize_t)sizeof(m);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (a->facts->cause == CAUSE_NONE)
        a->facts->time_up = whole && m.order == ORDER_TIME_UP;
    attempt_note_cause(a, CAUSE_CANCELLED, false);
    a->forced |= !whole || m.order == ORDER_KILL;
    checker_end_check(c);
}

/* Waits until its result can be read; where the job was ended meanwhile, not for ever. */
static void wait_for_result(struct attempt *a, const struct checker *c)
{
    for (;;) {
        bool stopped = a->facts->cause != CAUSE_NONE;
        struct pollfd fds[] = {{.fd = c->socket, .events = POLLIN},
                               {.fd = stopped ? -1 : a->ctx->orders, .events = POLLIN}};
        int n =
            poll(fds, ARRAY_SIZE(fds), stopped ? (int)(DEADLINE_LINGER_NS / NSEC_PER_MSEC) : -1);

        if (n == 0)
            (void)kill(c->pid, SIGKILL); /* it is stuck, and everything of it ends so */
        if (n > 0 && fds[0].revents != 0)
            return;
        if (n > 0 && fds[1].revents != 0)
            checker_take_order(a, c);
    }
}

static char *copy_of(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

/* Blames the checker of a case that gives more points than the case has. */
static void refuse_too_many(struct attempt *a, const struct reports_result *r,
                            struct attempt_result *ret)
{
    const struct jobs_case *c = a->job->of_case;
    struct cupel_error err;

    if (c == NULL || !r->has_score || r->score <= c->points * (REPORTS_SCORE_SCALE / 1000))
        return;
    ret->checked.has_score = false;
    ret->checked.score = 0;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, 0,
                          "the %s is at fault: it gives more points than the case has",
                          jobs_checker_word(a->job->checker));
    checker_fail(a, &err);
}

void checker_take_words(struct attempt *a, const struct reports_result *r,
                        struct attempt_result *ret)
{
    ret->checked = (struct checked){.has_score = r->has_score,
                                    .score = r->score,
                                    .has_multiplier = r->has_multiplier,
                                    .multiplier = r->multiplier,
                                    .for_staff = copy_of(r->message_for_staff),
                                    .for_all = copy_of(r->message_for_all)};
    if (r->verdict == REPORTS_PASSED)
        refuse_too_many(a, r, ret);
}

static void take_result(struct attempt *a, const struct reports_result *r,
                        struct attempt_result *ret)
{
    struct step_facts *last = &a->facts->steps[a->facts->n_steps - 1];
    struct cupel_error err;

    checker_take_words(a, r, ret);
    if (r->verdict == REPORTS_PASSED)
        return;
    if (r->verdict == REPORTS_FAILED) {
        last->output_differs = true;
        (void)snprintf(last->difference, sizeof(last->difference), "%s", r->evidence);
        return;
    }
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, 0, "%s", r->evidence);
    checker_fail(a, &err);
}

static void order_check(struct attempt *a, struct checker *c, struct attempt_result *ret)
{
    struct slot_message m = {.order = ORDER_RUN,
                             .instance =
                                 (uint32_t)instances_number(a->ctx->run, a->instance->checker)};
    struct wire_result w;
    struct cupel_error err;
    int r = send(c->socket, &m, sizeof(m), MSG_NOSIGNAL) == (ssize_t)sizeof(m) ? 0 : -EPIPE;

    if (r == 0) {
        wait_for_result(a, c);
        r = wire_receive(c->socket, &w);
    }
    if (r < 0) {
        checker_lose(c);
        (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, 0,
                              "the process that ran the checker died");
        checker_fail(a, &err);
        return;
    }
    take_result(a, &w.result, ret);
    wire_result_free(&w);
}

void checker_ask(struct attempt *a, struct attempt_result *ret)
{
    struct checker *c = a->ctx->checker;
    struct cupel_error err;

    if (a->interactor != NULL) {
        interactor_ask(a, ret);
        return;
    }
    if (a->job->checker == NULL || !a->written.known ||
        (ret->job.verdict != REPORTS_PASSED && !weakened("checker-last")))
        return;
    if (c == NULL || c->socket < 0) {
        (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, 0,
                              "there is no process to run the checker of job '%s'", a->job->name);
        checker_fail(a, &err);
    } else if (checker_give(c, a, &err) < 0) {
        checker_fail(a, &err);
    } else {
        order_check(a, c, ret);
        checker_take_back(c);
    }
    verdict_of_job(a->job, a->facts, &ret->job);
}
