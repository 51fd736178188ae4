/* SPDX-License-Identifier: Apache-2.0 */
/* checker_process: see checker_process.h. It is a slot for checkers: it has a stage, a disk and a
 * range of ids of its own, so that a job and what judges it share no more than two jobs that run at
 * once. Each check has a fresh sandbox. As a copy of a slot it has none of the libraries that a
 * slot leaves behind (sandbox/slot/dontfork.c). Not responsible for what a checker's words mean
 * (checker_protocol.c). */
#include "harness/attempt/checker_process.h"

#include "base/weaken.h"
#include "harness/attempt/attempt.h"
#include "harness/attempt/capture.h"
#include "harness/attempt/checker_protocol.h"
#include "harness/attempt/observe.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/wire.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCORE_FILE_MAX ((size_t)256)

/* ---- what it is given ---- */

static struct jobs_host_path path_of(const char *path)
{
    return (struct jobs_host_path){.path = path, .trusted = strlen(path), .to_follow = ""};
}

/* A checker as a job: what the file says, and what it judges. */
struct checker_job {
    struct instance instance;
    struct jobs_job job;
    struct jobs_input *inputs;
    char *dir, *feedback, *output;
};

static void job_make(struct checker_job *j, const struct checker_process *p,
                     const struct instance *of)
{
    const struct jobs_checker *c = of->judge;
    size_t n = of->job->n_inputs;

    *j = (struct checker_job){.instance = *of, .job = *of->job};
    j->instance.job = &j->job;
    j->dir = xstrdup(p->dir);
    j->feedback = xasprintf("%s/%s", p->dir, CHECKER_FEEDBACK_DIR);
    j->output = xasprintf("%s/%s", p->dir, CHECKER_OUTPUT_FILE);
    j->inputs = xcalloc(n + 2, sizeof(*j->inputs));
    if (n > 0)
        memcpy(j->inputs, of->job->inputs, n * sizeof(*j->inputs));
    j->inputs[n] = (struct jobs_input){
        .host = path_of(j->dir), .from = j->dir, .to = JOBS_CHECKER_DIR, .mode = JOBS_INPUT_RO};
    j->inputs[n + 1] = (struct jobs_input){.host = path_of(j->feedback),
                                           .from = j->feedback,
                                           .to = JOBS_CHECKER_FEEDBACK,
                                           .mode = JOBS_INPUT_COPY};
    j->job.inputs = j->inputs;
    j->job.n_inputs = n + 2;
    if (c->interactive) /* it lasts as long as the job; the slot sees to what comes then */
        j->job.limits.set &= ~(1u << JOBS_LIMIT_WALL);
    else if (c->protocol == JOBS_PROTOCOL_KATTIS || c->protocol == JOBS_PROTOCOL_EXIT)
        j->job.stdin_file = path_of(j->output);
}

static void job_free(struct checker_job *j)
{
    free(j->dir);
    free(j->feedback);
    free(j->output);
    free(j->inputs);
}

/* ---- what it leaves ---- */

struct feedback {
    char *text[4];
    struct cupel_error err;
    bool failed;
};

static void feedback_fail(struct feedback *f, int r, const char *name)
{
    (void)cupel_error_set(&f->err, CUPEL_ERROR_HARNESS, r, "cannot read %s of its feedback", name);
    f->failed = true;
}

/* Reads at most `max` bytes of it; a longer one is cut where `cut` says so, else refused. */
static struct checker_text read_feedback(struct feedback *f, size_t i, int dir, const char *name,
                                         size_t max, bool cut)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    cleanup_close int fd = weakened("checker-links") ? openat(dir, name, flags)
                                                     : file_open_beneath(dir, name, flags, 0);
    struct stat st;
    size_t n = 0;

    if (fd == -ENOENT || (fd == -1 && errno == ENOENT)) /* -1: without that wall */
        return (struct checker_text){NULL, 0};
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        (!cut && (size_t)st.st_size > max)) {
        feedback_fail(f, fd < 0 ? fd : 0, name);
        return (struct checker_text){NULL, 0};
    }
    f->text[i] = xmalloc(max);
    while (n < max) {
        ssize_t got = read(fd, f->text[i] + n, max - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            feedback_fail(f, errno, name);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return (struct checker_text){f->text[i], n};
}

static void read_all(struct feedback *f, int root, struct checker_words *w)
{
    /* beneath the root, without following links: it has been the checker's to fill */
    cleanup_close int dir =
        file_open_beneath(root, &JOBS_CHECKER_FEEDBACK[1], O_RDONLY | O_DIRECTORY, 0);

    if (dir < 0) {
        feedback_fail(f, dir, "the directory");
        return;
    }
    w->judge_message = read_feedback(f, 0, dir, "judgemessage.txt", CAPTURE_HEAD_MAX, true);
    w->team_message = read_feedback(f, 1, dir, "teammessage.txt", CAPTURE_HEAD_MAX, true);
    w->score = read_feedback(f, 2, dir, "score.txt", SCORE_FILE_MAX, false);
    w->multiplier = read_feedback(f, 3, dir, "score_multiplier.txt", SCORE_FILE_MAX, false);
}

/* Says that the check came to nothing, and why; whatever it has printed is for the staff. */
static void blame(const struct jobs_checker *judge, struct attempt_result *result,
                  const struct capture_heads *heads, const char *why)
{
    cleanup_free char *copy = xstrdup(why);

    result->job.verdict = REPORTS_ERROR;
    (void)snprintf(result->job.evidence, sizeof(result->job.evidence), "the %s is at fault: %s",
                   jobs_checker_word(judge), copy);
    if (heads->n[1] > 0 && result->checked.for_staff == NULL)
        result->checked.for_staff = strndup(heads->text[1], heads->n[1]);
}

static void judge(const struct attempt_context *ctx, const struct checker_job *j,
                  const struct attempt_leftover *leftover, struct attempt_result *result)
{
    const struct capture_heads *h = ctx->heads;
    struct checker_words words = {
        .exit = result->job.exit, .out = {h->text[0], h->n[0]}, .err = {h->text[1], h->n[1]}};
    struct feedback f = {.failed = false};
    cleanup_close int root = -EBADF;

    if (j->instance.judge->interactive) /* that was for the job */
        words.out = (struct checker_text){.text = NULL};
    if (result->job.verdict == REPORTS_CANCELLED)
        return;
    if (result->job.verdict != REPORTS_PASSED) { /* each exit code passes */
        blame(j->instance.judge, result, h, result->job.evidence);
        return;
    }
    root = sandbox_open_root(ctx->stage, &leftover->sandbox);
    if (root < 0)
        feedback_fail(&f, root, "the root");
    else if (j->instance.judge->protocol == JOBS_PROTOCOL_KATTIS)
        read_all(&f, root, &words);
    if (f.failed)
        blame(j->instance.judge, result, h, f.err.message);
    else
        checker_protocol_judge(j->instance.judge, &words, &result->job, &result->checked);
    for (size_t i = 0; i < ARRAY_SIZE(f.text); i++)
        free(f.text[i]);
}

/* ---- one after the other ---- */

/* What the run has of a checker is what it has of a job, but nothing is kept of it. */
static struct run run_of_checkers(const struct run *run)
{
    struct run own = *run;

    own.keep_failed = 0;
    own.streams = NULL;
    own.traces = false;
    own.sample_ns = 0;
    own.disk = NULL;
    own.out = NULL;
    return own;
}

static void report_unstarted(const struct attempt_context *ctx, const struct jobs_checker *judge,
                             const struct cupel_error *err)
{
    struct step_facts step = {0};
    struct judgement of_step = {0};
    struct attempt_result result = {.facts = {.cause = CAUSE_HARNESS, .n_steps = 1, .steps = &step},
                                    .job = {.verdict = REPORTS_ERROR, .exit = -1},
                                    .steps = &of_step};

    (void)snprintf(result.job.evidence, sizeof(result.job.evidence), "the %s cannot run: %.600s",
                   jobs_checker_word(judge), err->message);
    (void)wire_send(ctx->orders, 0, &result);
}

/* The end of its command, or of all of it where something ended that; 0: it never began. */
static uint64_t end_of(const struct attempt_facts *f)
{
    if (f->started_ns == 0)
        return 0;
    return f->steps[0].ended ? f->steps[0].ended_ns : f->ended_ns;
}

static void run_one(struct attempt_context *ctx, const struct checker_process *p,
                    const struct instance *instance)
{
    struct attempt_leftover leftover;
    struct attempt_result result;
    struct checker_job j;

    job_make(&j, p, instance);
    *ctx->heads = (struct capture_heads){.n = {0, 0}};
    attempt_run(ctx, &j.instance, NULL, &result, &leftover);
    if (ctx->ends != NULL && j.instance.judge->interactive)
        atomic_store(&ctx->ends->judge_ended_ns, end_of(&result.facts));
    judge(ctx, &j, &leftover, &result);
    (void)wire_send(ctx->orders, 0, &result);
    attempt_result_free(&result);
    attempt_take_down(ctx, &leftover);
    job_free(&j);
}

/* Opens what a slot has open, when it is needed first. */
static int open_all(struct attempt_context *ctx, unsigned number, struct cupel_error *err)
{
    int lock = -EBADF; /* held as long as this process is there */
    int r = slot_open_stage(ctx->run, number, &ctx->stage, &lock, err);

    if (r < 0)
        return r;
    sandbox_stage_cancel_by(ctx->stage, ctx->orders);
    observe_open(ctx);
    ctx->around = cgroup_around_open(ctx->run->cgroups);
    return 0;
}

_Noreturn void checker_process(const struct run *run, const struct checker_process *p)
{
    struct run own = run_of_checkers(run);
    struct slot_view view = {0};
    struct capture_heads *heads = xcalloc(1, sizeof(*heads));
    struct attempt_context ctx = {.run = &own,
                                  .view = &view,
                                  .orders = p->orders,
                                  .pair = -EBADF,
                                  .ends = p->ends,
                                  .transcript = p->transcript,
                                  .heads = heads};
    struct attempt_ahead none = {.instance = NULL};
    struct slot_message m;
    struct cupel_error err;

    slot_become(p->slot);
    while (slot_next_order(&ctx, &none, &m)) {
        if (m.order != ORDER_RUN)
            continue; /* what was to end a check came when it was over */
        if (ctx.stage == NULL && open_all(&ctx, p->number, &err) < 0)
            report_unstarted(&ctx, run->instances[m.instance].judge, &err);
        else
            run_one(&ctx, p, &run->instances[m.instance]);
    }
    if (ctx.stage != NULL)
        sandbox_stage_close(ctx.stage);
    free(heads);
    _exit(0);
}
