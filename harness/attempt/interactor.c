/* SPDX-License-Identifier: Apache-2.0 */
/* interactor: see interactor.h. Not responsible for what its end makes of the job (interaction.c),
 * nor for the bytes between the two (pair.c).
 *
 * It runs as long as the job does: its own limit of time counts from the end of that, or a job that
 * waits would have it struck. */
#include "harness/attempt/interactor.h"

#include "harness/attempt/attempt_end.h"
#include "harness/attempt/checker_state.h"
#include "harness/attempt/deadline.h"
#include "harness/attempt/interaction.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/transcript.h"
#include "harness/run/instances.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define PROC_MAX ((size_t)64 * 1024)
#define EXITING 0x4u /* PF_EXITING of the kernel */

struct interactor {
    struct checker *with;
    bool ended; /* `result` is there, or `died` */
    bool died;
    bool outlived;    /* the job was alive when it had ended */
    uint64_t wait_to; /* 0: not asked yet */
    char too_long[128];
    struct wire_result result;
};

/* ---- what both processes share ---- */

static bool is_any(const struct run *run)
{
    for (size_t i = 0; i < run->n_instances; i++)
        if (run->instances[i].job->checker != NULL && run->instances[i].job->checker->interactive)
            return true;
    return false;
}

int interactor_share(struct checker *c)
{
    void *at;

    if (!is_any(c->run))
        return 0;
    at = mmap(NULL, sizeof(*c->ends), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return -errno;
    c->ends = at;
    c->transcript = memfd_create("transcript", MFD_CLOEXEC);
    return c->transcript < 0 || fcntl(c->transcript, F_SETFL, O_APPEND) < 0 ? -errno : 0;
}

void interactor_unshare(struct checker *c)
{
    if (c->ends != NULL)
        (void)munmap(c->ends, sizeof(*c->ends));
    c->ends = NULL;
    base_closep(&c->transcript);
    c->transcript = -EBADF;
}

static void forget_last(const struct checker *c)
{
    struct pair_ends *e = c->ends;

    for (int side = 0; side < PAIR_SIDES; side++) {
        atomic_store(&e->sign_ns[side], 0);
        atomic_store(&e->wrote_ns[side], 0);
        atomic_store(&e->wrote[side], 0);
        atomic_store(&e->last_byte[side], '\0');
        atomic_store(&e->lost[side], false);
    }
    atomic_store(&e->judge_ended_ns, 0);
}

/* ---- before the job ---- */

static int order(struct attempt *a, const struct checker *c, int other)
{
    const struct slot s = {.socket = c->socket};

    return slot_order_pair(&s, (uint32_t)instances_number(a->ctx->run, a->instance->checker),
                           other);
}

static int begin(struct attempt *a, struct checker *c, struct cupel_error *err)
{
    int ends[2], r;

    if (c == NULL || c->socket < 0 || c->ends == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                               "there is no process to run the interactor of job '%s'",
                               a->job->name);
    forget_last(c);
    if (ftruncate(c->transcript, 0) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot empty a transcript");
    r = checker_give(c, a, err);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot make a socket for the interactor of job '%s'", a->job->name);
    r = order(a, c, ends[1]);
    (void)close(ends[1]);
    pair_begin(&a->pair, ends[0]);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot start the interactor of job '%s'", a->job->name);
    a->pair.ends = c->ends;
    a->pair.side = PAIR_JOB;
    a->pair.transcript = c->transcript;
    a->pair.transcript_max = a->job->checker->transcript;
    return 0;
}

int interactor_begin(struct attempt *a, struct cupel_error *err)
{
    struct checker *c = a->ctx->checker;
    int r;

    if (a->job->checker == NULL || !a->job->checker->interactive || a->ctx->run->streams != NULL)
        return 0;
    r = begin(a, c, err);
    if (r < 0)
        return r;
    a->paired = true;
    a->facts->pair = (struct pair_facts){.other = "the interactor", .interactive = true};
    a->interactor = xcalloc(1, sizeof(*a->interactor));
    a->interactor->with = c;
    return 0;
}

/* ---- beside it ---- */

int interactor_wait_for(const struct attempt *a)
{
    return a->interactor == NULL || a->interactor->ended ? -EBADF : a->interactor->with->socket;
}

static void take_end(struct interactor *i)
{
    i->ended = true;
    i->died = wire_receive(i->with->socket, &i->result) < 0;
    if (i->died)
        checker_lose(i->with);
}

static char *read_proc(const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    size_t n;

    return fd >= 0 && file_read_fd(fd, PROC_MAX, &text, &n) == 0 ? text : NULL;
}

/* Whether what /proc/PID/stat says is of a process that does not even begin to end: its flags tell
 * (PF_EXITING), before it closes any descriptor. */
static bool lives_on(const char *stat)
{
    const char *state = strrchr(stat, ')');
    unsigned flags;

    return state != NULL && sscanf(state, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
           (flags & EXITING) == 0;
}

/* Whether a process that PID 1 has started, or that has come to it, has not ended: one that has is
 * there until PID 1 takes notice. False also where the kernel does not tell. */
static bool is_alive(pid_t init)
{
    cleanup_free char *list = NULL;
    char path[64], *rest = NULL;
    bool alive = false;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)init, (int)init);
    list = read_proc(path);
    for (char *word = list != NULL ? strtok_r(list, " \n", &rest) : NULL; word != NULL && !alive;
         word = strtok_r(NULL, " \n", &rest)) {
        cleanup_free char *stat = NULL;

        (void)snprintf(path, sizeof(path), "/proc/%s/stat", word);
        stat = read_proc(path);
        alive = stat != NULL && lives_on(stat);
    }
    return alive;
}

static bool was_accepted(const struct interactor *i)
{
    return !i->died && i->result.result.verdict == REPORTS_PASSED;
}

void interactor_serve(struct attempt *a)
{
    take_end(a->interactor);
}

void interactor_look(struct attempt *a)
{
    struct interactor *i = a->interactor;

    if (i == NULL || !i->ended || i->outlived)
        return;
    i->outlived = a->facts->started_ns != 0 && !a->facts->steps[0].ended && !a->killed &&
                  a->facts->cause == CAUSE_NONE && is_alive(a->sandbox.pid);
    if (i->outlived && !was_accepted(i))
        attempt_kill(a);
}

uint64_t interactor_deadline(struct attempt *a)
{
    const struct jobs_limits *l = &a->job->checker->job->limits;
    struct interactor *i = a->interactor;

    if (!jobs_limit_is_set(l, JOBS_LIMIT_WALL))
        return LIMITS_NEVER;
    if (i->wait_to == 0)
        i->wait_to = clock_monotonic_ns() + l->value[JOBS_LIMIT_WALL];
    return i->wait_to;
}

/* ---- after it ---- */

static int timeout_of(uint64_t until)
{
    uint64_t now = clock_monotonic_ns(), ms;

    if (until == LIMITS_NEVER)
        return -1;
    ms = until > now ? (until - now) / NSEC_PER_MSEC + 1 : 0;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void say_too_long(const struct attempt *a, struct interactor *i)
{
    char text[UNIT_TEXT_SIZE];

    (void)snprintf(i->too_long, sizeof(i->too_long),
                   "the interactor is at fault: still running %s after the end of the job (its "
                   "wall limit)",
                   unit_format_duration(a->job->checker->job->limits.value[JOBS_LIMIT_WALL], text));
}

static void wait_for_end(struct attempt *a)
{
    struct interactor *i = a->interactor;
    const struct checker *c = i->with;
    uint64_t until = interactor_deadline(a);
    bool stopped = false;

    while (!i->ended) {
        struct pollfd fds[] = {{.fd = c->socket, .events = POLLIN},
                               {.fd = stopped ? -1 : a->ctx->orders, .events = POLLIN}};
        bool late = until != LIMITS_NEVER && clock_monotonic_ns() >= until;
        int n;

        if (!stopped && (late || a->facts->cause == CAUSE_CANCELLED)) {
            if (late)
                say_too_long(a, i);
            checker_end_check(c);
            stopped = true;
            until = clock_monotonic_ns() + DEADLINE_LINGER_NS;
        } else if (late) {
            (void)kill(c->pid, SIGKILL); /* it is stuck, and everything of it ends so */
            until = LIMITS_NEVER;
        }
        n = poll(fds, ARRAY_SIZE(fds), timeout_of(until));
        if (n > 0 && fds[0].revents != 0)
            take_end(i);
        else if (n > 0 && fds[1].revents != 0)
            checker_take_order(a, c);
    }
}

/* The end of the job: where something struck it, that moment; it lived until then. */
static struct interaction_end end_of_job(const struct attempt *a)
{
    const struct attempt_facts *f = a->facts;
    const struct pair_ends *e = a->interactor->with->ends;

    if (f->cause != CAUSE_NONE && !f->cause_afterwards && f->cause_ns != 0)
        return (struct interaction_end){.sign_ns = f->cause_ns, .ended_ns = f->cause_ns};
    return (struct interaction_end){.sign_ns = atomic_load(&e->sign_ns[PAIR_JOB]),
                                    .ended_ns =
                                        f->steps[0].ended ? f->steps[0].ended_ns : f->ended_ns};
}

static struct interaction interaction_of(const struct attempt *a)
{
    const struct interactor *i = a->interactor;
    const struct pair_ends *e = i->with->ends;
    struct interaction ret = {
        .job = end_of_job(a),
        .judge = {.sign_ns = atomic_load(&e->sign_ns[PAIR_JUDGE]),
                  .ended_ns = atomic_load(&e->judge_ended_ns)},
        .outlived = i->outlived,
        .lost = atomic_load(&e->lost[PAIR_JUDGE]),
        .too_long = i->too_long[0] != '\0' ? i->too_long : NULL,
    };

    if (i->died) {
        ret.said.verdict = REPORTS_ERROR;
        (void)snprintf(ret.said.evidence, sizeof(ret.said.evidence),
                       "the process that ran the interactor died");
        return ret;
    }
    ret.said.verdict = i->result.result.verdict;
    ret.said.signal = i->result.result.signal;
    (void)snprintf(ret.said.evidence, sizeof(ret.said.evidence), "%s", i->result.result.evidence);
    return ret;
}

static void judge(struct attempt *a, struct attempt_result *ret)
{
    struct interaction i = interaction_of(a);

    if (i.too_long != NULL)
        a->facts->pair.judge_late = a->job->checker->job->limits.value[JOBS_LIMIT_WALL];
    if (!a->interactor->died)
        checker_take_words(a, &a->interactor->result.result, ret);
    if (a->facts->cause == CAUSE_CANCELLED || a->facts->cause == CAUSE_HARNESS ||
        a->facts->cause == CAUSE_STOOD_STILL)
        return;
    interaction_judge(&i, &ret->job, &a->facts->interactor);
}

void interactor_ask(struct attempt *a, struct attempt_result *ret)
{
    struct cupel_error err;

    wait_for_end(a);
    judge(a, ret);
    checker_take_back(a->interactor->with);
    if (a->job->checker->transcript > 0 &&
        transcript_keep(a->interactor->with->transcript, a, &err) < 0)
        checker_fail(a, &err);
    verdict_of_job(a->job, a->facts, &ret->job);
    if (ret->job.verdict != REPORTS_PASSED)
        ret->checked.has_score = ret->checked.has_multiplier = false;
}

void interactor_free(struct attempt *a)
{
    if (a->interactor != NULL)
        wire_result_free(&a->interactor->result);
    free(a->interactor);
    a->interactor = NULL;
}
