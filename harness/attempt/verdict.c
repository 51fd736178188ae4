/* SPDX-License-Identifier: Apache-2.0 */
/* verdict: facts become one verdict with one plain sentence of evidence. Pure: no clock, no files.
 * Where two verdicts would apply, the first cause in time wins; the harness's own failures are
 * never the job's fault. */
#include "harness/attempt/verdict.h"
#include "base/weaken.h"
#include "harness/attempt/evidence.h"
#include "harness/attempt/first_aid.h"
#include "harness/attempt/misread_list.h"
#include "harness/attempt/verdict_cause.h"
#include "harness/sandbox/sandbox.h"

#include <string.h>
#include <sys/wait.h>

/* ---- how a step ended, against what was expected ---- */

static bool status_matches(const struct jobs_expect *e, int status)
{
    if (WIFSIGNALED(status))
        return e->signal != 0 && WTERMSIG(status) == e->signal;
    return e->signal == 0 && (e->exit < 0 || WEXITSTATUS(status) == e->exit);
}

static bool did_what_was_expected(const struct jobs_step *step, const struct step_facts *s)
{
    return s->ended && s->not_executed == 0 && status_matches(&step->expect, s->status) &&
           !s->output_differs;
}

static bool leaked(const struct attempt_facts *f, size_t step)
{
    for (size_t i = 0; i < f->n_leaks; i++)
        if (f->leaks[i].step == step)
            return true;
    return false;
}

bool verdict_step_passed(const struct jobs_job *job, const struct attempt_facts *facts, size_t step)
{
    return did_what_was_expected(&job->steps[step], &facts->steps[step]) &&
           (job->leaks != JOBS_LEAKS_FAIL || !leaked(facts, step));
}

static const char *signal_name(int sig, char *buf, size_t size)
{
    const char *abbreviation = sigabbrev_np(sig);

    if (abbreviation != NULL)
        (void)snprintf(buf, size, "signal %d (SIG%s)", sig, abbreviation);
    else
        (void)snprintf(buf, size, "signal %d", sig);
    return buf;
}

static void say_expected(const struct jobs_expect *e, bool after_exit, struct strbuf *b)
{
    char name[48];

    if (e->signal != 0)
        strbuf_addf(b, ", expected %s", signal_name(e->signal, name, sizeof(name)));
    else
        strbuf_addf(b, ", expected %s%d", after_exit ? "" : "exit code ", e->exit);
}

/* Judges a job with `leaks: fail` by what its step left running. No step is started after one that
 * left something, so those that are named are all of that step. */
static enum reports_verdict judge_leaks(const struct attempt_facts *f, struct strbuf *b)
{
    struct reports_leak shown[REPORTS_LEAKS_SHOWN];
    size_t n = 0;

    for (; n < f->n_leaks && n < ARRAY_SIZE(shown); n++)
        shown[n] = (struct reports_leak){f->leaks[n].pid, f->leaks[n].cpu_ns, f->leaks[n].command};
    reports_leaks_describe(shown, n, f->leaks_in_all, f->leaks_cut, n, b);
    strbuf_adds(b, "; the job has `leaks: fail`");
    return REPORTS_FAILED;
}

/* "exit code 2, expected 0", "killed by signal 11 (SIGSEGV)", "stdout differs ..." */
static enum reports_verdict judge_step(const struct jobs_step *step, const struct step_facts *s,
                                       struct strbuf *b)
{
    char name[48];

    if (s->not_executed != 0) {
        strbuf_addf(b, "cannot execute '%s': %s", step->argv[0], strerror(s->not_executed));
        return REPORTS_FAILED;
    }
    if (WIFSIGNALED(s->status) && !status_matches(&step->expect, s->status)) {
        strbuf_addf(b, "killed by %s", signal_name(WTERMSIG(s->status), name, sizeof(name)));
        if (step->expect.signal != 0 || step->expect.exit > 0)
            say_expected(&step->expect, false, b);
        return REPORTS_SIGNALED;
    }
    if (!status_matches(&step->expect, s->status)) {
        strbuf_addf(b, "exit code %d", WEXITSTATUS(s->status));
        say_expected(&step->expect, true, b);
        return REPORTS_FAILED;
    }
    if (s->output_differs) {
        strbuf_adds(b, s->difference);
        return REPORTS_FAILED;
    }
    return REPORTS_PASSED;
}

/* Limits of a single process that the kernel answers with a signal. That it was sent for the limit
 * is likely, not proven: a step that only sets its own size of file gets the same. So the limit is
 * named, not blamed. */
static void say_process_limit(const struct jobs_job *job, int status, struct strbuf *b)
{
    static const struct {
        int signal;
        enum jobs_limit limit;
    } table[] = {
        {SIGXFSZ, JOBS_LIMIT_FILE_SIZE},
        {SIGSEGV, JOBS_LIMIT_STACK},
        {SIGSEGV, JOBS_LIMIT_ADDRESS_SPACE}, /* a stack, or a program, that found no room */
        {SIGABRT, JOBS_LIMIT_ADDRESS_SPACE}, /* new, which nobody caught */
        {SIGBUS, JOBS_LIMIT_DISK}};          /* a page of a mapped file that found no room */
    char text[UNIT_TEXT_SIZE];

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == table[i].signal &&
            jobs_limit_is_set(&job->limits, table[i].limit))
            strbuf_addf(b, ", with the limit %s %s", jobs_limit_table[table[i].limit].key,
                        jobs_limit_format(table[i].limit, job->limits.value[table[i].limit], text));
}

/* The limit that was reached; where the job has none of its own, also where it comes from, and what
 * sets another. */
static void add_disk_limit(const struct jobs_job *job, enum jobs_limit which, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];
    uint64_t bytes, inodes;

    sandbox_disk_limits(&job->limits, &bytes, &inodes);
    strbuf_adds(b, jobs_limit_format(which, which == JOBS_LIMIT_DISK ? bytes : inodes, text));
    if (jobs_limit_is_set(&job->limits, which))
        return;
    if (which == JOBS_LIMIT_INODES && jobs_limit_is_set(&job->limits, JOBS_LIMIT_DISK))
        strbuf_addf(b, ", which goes with its disk of %s",
                    jobs_limit_format(JOBS_LIMIT_DISK, bytes, text));
    else
        strbuf_adds(b, ", which holds where none is given");
    strbuf_addf(b, " (`%s` under `limits` sets another)", jobs_limit_table[which].key);
}

/* Which of the two, how much of it there was, and how often the kernel has said no. */
static void say_disk(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    enum jobs_limit which = f->disk_full ? JOBS_LIMIT_DISK : JOBS_LIMIT_INODES;
    uint64_t refused = f->disk_full ? f->writes_refused : f->inodes_refused;
    char text[UNIT_TEXT_SIZE];

    if (refused > 0)
        strbuf_addf(b, ", after %llu %s%s that the kernel refused at the %s limit ",
                    (unsigned long long)refused, f->disk_full ? "write" : "file",
                    evidence_plural(refused), f->disk_full ? "disk" : "inode");
    else if (f->disk_full)
        strbuf_addf(b, ", with its disk full: %s written of ",
                    unit_format_size(f->disk_peak, text));
    else
        strbuf_addf(b, ", with no inode left: %llu made of ", (unsigned long long)f->inodes_peak);
    add_disk_limit(job, which, b);
}

/* A job that failed after the kernel refused it something failed of that. */
static enum reports_verdict blame_limit(const struct jobs_job *job, const struct attempt_facts *f,
                                        enum reports_verdict verdict, struct strbuf *b)
{
    cleanup_strbuf struct strbuf around = {0};
    uint64_t refused;

    if (evidence_refused_around(job, f, &around)) {
        strbuf_addf(b, "; %s", around.data);
        return REPORTS_ERROR;
    }
    if (jobs_limit_is_set(&job->limits, JOBS_LIMIT_PIDS) &&
        cgroup_usage_get(&f->usage, CGROUP_PIDS_REFUSED, &refused) && refused > 0) {
        strbuf_addf(b, ", after the process limit %llu refused %llu fork%s",
                    (unsigned long long)job->limits.value[JOBS_LIMIT_PIDS],
                    (unsigned long long)refused, evidence_plural(refused));
        return REPORTS_PIDS_LIMIT;
    }
    if (f->store_full) {
        strbuf_adds(b, ", while the store's file system was full (free more, or put the store on "
                       "another disk with "
                       "CUPEL_CACHE; a job with a limit 'disk' has a disk of its own)");
        return REPORTS_ERROR;
    }
    if (f->disk_full || f->inodes_full) {
        say_disk(job, f, b);
        return REPORTS_DISK_LIMIT;
    }
    return verdict;
}

static void verdict_fill(struct judgement *ret, enum reports_verdict verdict,
                         const struct strbuf *b)
{
    ret->verdict = verdict;
    (void)snprintf(ret->evidence, sizeof(ret->evidence), "%s", b->data != NULL ? b->data : "");
}

/* Fills in the job's exit code or signal, which the last step that ran gives. */
static void fill_status(const struct attempt_facts *f, size_t n_steps, struct judgement *ret)
{
    ret->exit = -1;
    ret->signal = 0;
    for (size_t i = n_steps; i-- > 0;) {
        if (!f->steps[i].ended)
            continue;
        if (WIFSIGNALED(f->steps[i].status))
            ret->signal = WTERMSIG(f->steps[i].status);
        else
            ret->exit = WEXITSTATUS(f->steps[i].status);
        return;
    }
}

/* The first that did not do what was expected of it, or the one during which something struck the
 * job. */
static size_t step_at_fault(const struct jobs_job *job, const struct attempt_facts *f)
{
    for (size_t i = 0; i < f->n_steps; i++)
        if (!f->steps[i].passed_over &&
            ((f->cause != CAUSE_NONE && i == f->cause_step) || !verdict_step_passed(job, f, i)))
            return i;
    /* an OOM kill that nobody noticed at the time */
    return f->cause == CAUSE_NONE && evidence_oom_kills(f) > 0 ? f->n_steps - 1 : f->n_steps;
}

/* Whether a limit struck a step that runs after one that had failed: the job's verdict is that of
 * the first. Whatever else ended the job says so. */
static bool failed_before(const struct jobs_job *job, const struct attempt_facts *f)
{
    bool by_limit = f->cause == CAUSE_WALL || f->cause == CAUSE_CPU ||
                    f->cause == CAUSE_INSTRUCTIONS || f->cause == CAUSE_MEMORY ||
                    f->cause == CAUSE_OUTPUT;

    return by_limit && step_at_fault(job, f) < f->cause_step;
}

/* No job can do that to its PID 1: whoever reads it is to find what did. */
static void say_vanished(const struct attempt_facts *f, struct strbuf *b)
{
    char name[48];

    strbuf_adds(b, "the job's PID 1 vanished");
    if (!f->has_init_end)
        return;
    if (WIFSIGNALED(f->init_end))
        strbuf_addf(b, ": killed by %s", signal_name(WTERMSIG(f->init_end), name, sizeof(name)));
    else
        strbuf_addf(b, ": exit code %d, %s", WEXITSTATUS(f->init_end),
                    sandbox_init_end(WEXITSTATUS(f->init_end)));
    if (facts_runs_command(f))
        strbuf_adds(b, ", while a command ran");
    else
        strbuf_addf(b, ", at '%s'", f->init_at);
}

static void judge_job(const struct jobs_job *job, const struct attempt_facts *facts,
                      struct judgement *ret)
{
    cleanup_strbuf struct strbuf b = {0};
    enum attempt_cause cause = facts->cause;
    enum reports_verdict verdict = REPORTS_PASSED;
    size_t at;

    fill_status(facts, facts->n_steps, ret);
    if (facts->interactor.verdict != REPORTS_PASSED) {
        strbuf_adds(&b, facts->interactor.evidence);
        verdict_fill(ret, facts->interactor.verdict, &b);
        return;
    }
    if (cause == CAUSE_NONE && evidence_oom_kills(facts) > 0)
        cause = facts->oom.origin == CGROUP_OOM_OWN ? CAUSE_MEMORY : CAUSE_AROUND;
    if (weakened("raw-status") && cause == CAUSE_NONE && ret->exit == 124)
        cause = CAUSE_WALL;
    if (failed_before(job, facts))
        cause = CAUSE_NONE;
    else if (evidence_was_thrashing(facts)) {
        evidence_thrashing(job, facts, &b);
        verdict_fill(ret, REPORTS_MEMORY_LIMIT, &b);
        return;
    }
    if (cause != CAUSE_NONE) {
        if ((facts->cause_is_step_limit || facts->cause_set_up != NULL) && job->has_steps)
            strbuf_addf(&b, "step '%s': ", job->steps[facts->cause_step].name);
        verdict_say_cause(cause, job, facts, &b);
        verdict_fill(ret, verdict_of_cause(cause, facts), &b);
        return;
    }
    at = step_at_fault(job, facts);
    fill_status(facts, at < facts->n_steps ? at + 1 : facts->n_steps, ret);
    if (at < facts->n_steps) {
        if (job->has_steps)
            strbuf_addf(&b, "step '%s': ", job->steps[at].name);
        if (facts->steps[at].not_set_up) {
            strbuf_adds(&b, facts->not_set_up);
            verdict = REPORTS_FAILED;
        } else if (!facts->steps[at].ended && facts->steps[at].not_executed == 0) {
            say_vanished(facts, &b);
            verdict = REPORTS_ERROR;
        } else if (did_what_was_expected(&job->steps[at], &facts->steps[at])) {
            verdict = judge_leaks(facts, &b);
        } else {
            verdict = judge_step(&job->steps[at], &facts->steps[at], &b);
            if (facts->not_set_up[0] != '\0' &&
                (verdict == REPORTS_SIGNALED || facts->steps[at].not_executed != 0))
                strbuf_addf(&b, ": %s", facts->not_set_up);
            else if (verdict == REPORTS_SIGNALED && !facts->disk_full)
                say_process_limit(job, facts->steps[at].status, &b);
            if (verdict == REPORTS_SIGNALED && facts->not_set_up[0] == '\0') {
                first_aid_of_stack(job, facts, facts->steps[at].status, &b);
                first_aid_of_ended(job, facts, at, &b);
            }
            if (facts->killed_call[0] != '\0')
                strbuf_addf(&b, "%s for the system call %s",
                            verdict == REPORTS_SIGNALED ? ""
                                                        : "; seccomp ended a process of the job",
                            facts->killed_call);
            verdict = blame_limit(job, facts, verdict, &b);
            first_aid_of_memory(facts, &b);
            if (verdict == REPORTS_FAILED && facts->not_set_up[0] == '\0')
                misread_list_explain(&job->steps[at], &facts->steps[at], &b);
        }
    } else if (facts->artifacts_lost[0] != '\0') {
        strbuf_adds(&b, facts->artifacts_lost);
        verdict = REPORTS_FAILED;
    } else if (facts->tests_failed[0] != '\0') {
        strbuf_adds(&b, facts->tests_failed);
        verdict = REPORTS_FAILED;
    }
    verdict_fill(ret, verdict, &b);
}

/* A service that ended while the job ran is told of, whatever the verdict. It is the verdict only
 * where nobody of the job can have ended it: see services.c. */
static void add_service(const struct attempt_facts *f, struct judgement *ret)
{
    size_t n = strlen(ret->evidence);

    if (f->service.text[0] == '\0' || f->cause == CAUSE_SERVICE || f->cause == CAUSE_UNREADY ||
        f->cause == CAUSE_SUBMISSION || ret->verdict == REPORTS_PASSED)
        return;
    (void)snprintf(ret->evidence + n, sizeof(ret->evidence) - n, "%s%s", n > 0 ? "; " : "",
                   f->service.text);
    if (f->service.is_fault && ret->verdict != REPORTS_CANCELLED)
        ret->verdict = REPORTS_ERROR;
}

void verdict_of_job(const struct jobs_job *job, const struct attempt_facts *facts,
                    struct judgement *ret)
{
    judge_job(job, facts, ret);
    add_service(facts, ret);
    /* what was refused before it could be compiled stays that */
    if (job->role == JOBS_ROLE_COMPILE && verdict_is_bad_end(ret->verdict) &&
        ret->verdict != REPORTS_INVALID_SUBMISSION)
        ret->verdict = REPORTS_COMPILE_ERROR;
}

/* Judges a step by itself that ran although one before it had not passed. */
static void judge_later(const struct jobs_job *job, const struct attempt_facts *f, size_t step,
                        struct judgement *ret)
{
    cleanup_strbuf struct strbuf b = {0};
    enum reports_verdict verdict = REPORTS_PASSED;

    if (f->cause != CAUSE_NONE && f->cause_step == step) {
        verdict_say_cause(f->cause, job, f, &b);
        verdict = verdict_of_cause(f->cause, f);
    } else if (!did_what_was_expected(&job->steps[step], &f->steps[step])) {
        verdict = judge_step(&job->steps[step], &f->steps[step], &b);
    } else if (!verdict_step_passed(job, f, step)) {
        verdict = judge_leaks(f, &b);
    }
    verdict_fill(ret, verdict, &b);
}

void verdict_of_step(const struct jobs_job *job, const struct attempt_facts *facts, size_t step,
                     const struct judgement *of_job, struct judgement *ret)
{
    const struct step_facts *s = &facts->steps[step];
    /* then the step stands for the job */
    bool lost = (facts->artifacts_lost[0] != '\0' || facts->tests_failed[0] != '\0' ||
                 facts->interactor.verdict != REPORTS_PASSED) &&
                !job->has_steps;
    bool passed = verdict_step_passed(job, facts, step) && !lost;

    *ret = *of_job;
    ret->exit = s->ended && WIFEXITED(s->status) ? WEXITSTATUS(s->status) : -1;
    ret->signal = s->ended && WIFSIGNALED(s->status) ? WTERMSIG(s->status) : 0;
    if (passed && step < step_at_fault(job, facts)) {
        ret->verdict = REPORTS_PASSED;
        ret->evidence[0] = '\0';
    } else if (s->passed_over && job->steps[step].when == JOBS_STEP_FAILURE) {
        ret->verdict = REPORTS_SKIPPED;
        (void)snprintf(ret->evidence, sizeof(ret->evidence),
                       "`when: failure`, and no earlier step has failed");
    } else if (step > step_at_fault(job, facts) && (s->started || s->not_executed != 0)) {
        judge_later(job, facts, step, ret);
    } else if (step > step_at_fault(job, facts)) {
        ret->verdict = REPORTS_SKIPPED;
        (void)snprintf(ret->evidence, sizeof(ret->evidence), "an earlier step did not pass");
    }
}
