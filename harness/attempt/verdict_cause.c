/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_cause: see verdict_cause.h. One writer of evidence a verdict; phrases that several of
 * them share with other verdicts are in evidence.c and first_aid.c. */
#include "harness/attempt/verdict_cause.h"

#include "harness/attempt/evidence.h"
#include "harness/attempt/first_aid.h"
#include "harness/attempt/limits_in_force.h"

/* Returns the limit that struck: the step's own where the facts say so. */
static uint64_t limit_of(const struct jobs_job *job, const struct attempt_facts *f,
                         enum jobs_limit which)
{
    const struct jobs_limits *l =
        f->cause_is_step_limit ? &job->steps[f->cause_step].limits : &job->limits;

    return l->value[which];
}

static void add_wall(struct strbuf *b, const char *before, uint64_t from, uint64_t to)
{
    char text[UNIT_TEXT_SIZE];

    if (from != 0 && to >= from)
        strbuf_addf(b, "%s%s", before, unit_format_duration(to - from, text));
}

/* ---- one writer of evidence a verdict ---- */

/* Names a job's services too: they are in the same network, and nobody tells whose a socket is. */
static void add_queues(struct strbuf *b, const struct jobs_job *job, const struct attempt_facts *f)
{
    const struct {
        const char *whose;
        uint64_t bytes;
        const char *why;
    } kinds[] = {
        {"netlink", f->queue_bytes.netlink, "counts"},
        {"TCP, UDP and raw", f->queue_bytes.internet, "bounds"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char text[UNIT_TEXT_SIZE];

        if (kinds[i].bytes > 0)
            strbuf_addf(b, ": the queues of its %s sockets%s hold %s, which no control group %s",
                        kinds[i].whose, job->services != NULL ? ", and its services'," : "",
                        unit_format_size(kinds[i].bytes, text), kinds[i].why);
    }
}

static void say_memory(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];
    uint64_t peak, kills = evidence_oom_kills(f);

    strbuf_addf(b, "memory limit %s reached",
                jobs_limit_format(JOBS_LIMIT_MEMORY, job->limits.value[JOBS_LIMIT_MEMORY], text));
    add_wall(b, " after ", f->started_ns,
             f->cause == CAUSE_MEMORY && f->cause_ns < f->ended_ns ? f->cause_ns : f->ended_ns);
    if (f->queue_bytes.netlink + f->queue_bytes.internet > 0) {
        add_queues(b, job, f);
        return;
    }
    if (kills > 0)
        strbuf_addf(b, ": %llu OOM kill%s", (unsigned long long)kills, evidence_plural(kills));
    if (cgroup_usage_get(&f->usage, CGROUP_MEMORY_PEAK_BYTES, &peak))
        strbuf_addf(b, "%s peak %s", kills > 0 ? "," : ":", unit_format_size(peak, text));
    evidence_add_victim(f, b);
    evidence_add_thrashing(f, b);
    evidence_add_refused_forks(job, f, b);
}

/* Tells what has ended the job, where that is not its limit. */
static void say_killed(const struct jobs_job *job, const struct attempt_facts *f,
                       enum jobs_limit which, struct strbuf *b)
{
    const struct jobs_limits *l =
        f->cause_is_step_limit ? &job->steps[f->cause_step].limits : &job->limits;
    enum jobs_limit kill = jobs_limit_kill_of(which);
    char text[UNIT_TEXT_SIZE];

    if (!f->cause_afterwards && kill != JOBS_LIMIT_COUNT && jobs_limit_is_set(l, kill))
        strbuf_addf(b, ", where it was ended (kill: %s)",
                    unit_format_duration(l->value[kill], text));
}

static void say_timeout(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];
    uint64_t to = f->cause_afterwards && f->steps[f->cause_step].ended
                      ? f->steps[f->cause_step].ended_ns
                      : f->cause_ns;
    uint64_t from = f->cause_is_step_limit ? f->steps[f->cause_step].started_ns : f->started_ns;
    const char *how = f->silent_from_ns != 0    ? ", still running after "
                      : f->cause_set_up != NULL ? ": still being set up after "
                      : f->cause_afterwards     ? ": ended after "
                                                : ": still running after ";

    if (f->cause_is_step_limit &&
        f->cause_set_up != NULL) /* its time counts from the end of the one before */
        from = f->steps[f->cause_step - 1].ended_ns;
    strbuf_addf(b, "%s limit %s reached", jobs_limit_table[facts_limit_of_time(f)].key,
                unit_format_duration(limit_of(job, f, facts_limit_of_time(f)), text));
    add_wall(b, ": no output for ", f->silent_from_ns, f->cause_ns);
    add_wall(b, how, from, to);
    say_killed(job, f, facts_limit_of_time(f), b);
    if (f->cause_set_up != NULL)
        strbuf_addf(b, ", at '%s'", f->cause_set_up);
    if (f->cpu_at_cause_ns != 0)
        strbuf_addf(b, " (CPU used: %s)", unit_format_duration(f->cpu_at_cause_ns, text));
    if (f->grace_used_up)
        strbuf_addf(b, "; SIGTERM did not end it within %s, SIGKILL did",
                    unit_format_duration(job->timeout_grace, text));
    evidence_add_pair(f, b);
    first_aid_of_ended(job, f, f->cause_step, b);
    evidence_of_time(job, f, b);
}

static void say_cpu(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];
    uint64_t before = f->cause_is_step_limit && f->cpu_before_step_ns < f->cpu_at_cause_ns
                          ? f->cpu_before_step_ns
                          : 0;
    uint64_t to = f->cause_afterwards && f->steps[f->cause_step].ended
                      ? f->steps[f->cause_step].ended_ns
                      : f->cause_ns;

    strbuf_addf(b, "CPU limit %s reached",
                unit_format_duration(limit_of(job, f, JOBS_LIMIT_CPU_TIME), text));
    strbuf_addf(b, ": %s used by all its processes",
                unit_format_duration(f->cpu_at_cause_ns - before, text));
    add_wall(b, f->cause_afterwards ? ", and ended after " : " after ",
             f->cause_is_step_limit ? f->steps[f->cause_step].started_ns : f->started_ns, to);
    say_killed(job, f, JOBS_LIMIT_CPU_TIME, b);
    first_aid_of_ended(job, f, f->cause_step, b);
    evidence_of_time(job, f, b);
}

static void say_output(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    bool of_one = f->output_limit == JOBS_LIMIT_STDOUT || f->output_limit == JOBS_LIMIT_STDERR;
    enum jobs_limit which = of_one ? f->output_limit : JOBS_LIMIT_OUTPUT;
    const struct step_facts *s = &f->steps[f->cause_step];
    uint64_t kept = which == JOBS_LIMIT_STDOUT   ? s->stdout_to
                    : which == JOBS_LIMIT_STDERR ? s->stderr_to
                                                 : f->output_bytes;
    char text[UNIT_TEXT_SIZE];

    if (jobs_limit_is_set(f->cause_is_step_limit ? &job->steps[f->cause_step].limits : &job->limits,
                          which))
        strbuf_addf(b, "%s limit %s reached", jobs_limit_table[which].key,
                    unit_format_size(limit_of(job, f, which), text));
    else
        strbuf_addf(b, "%s of output, where no limit is given, reached",
                    unit_format_size(LIMITS_OUTPUT_DEFAULT, text));
    add_wall(b, " after ", f->started_ns, f->cause_ns);
    strbuf_addf(b, ": the first %llu byte%s%s %s kept", (unsigned long long)kept,
                evidence_plural(kept), of_one ? " of it" : "", kept == 1 ? "is" : "are");
}

static void say_cancelled(const struct jobs_job *job, const struct attempt_facts *f,
                          struct strbuf *b)
{
    (void)job;
    strbuf_adds(b, f->time_up ? "cancelled since the run's time was over (--timeout)"
                              : "cancelled by the user");
    add_wall(b, " after ", f->started_ns, f->cause_ns);
}

static void say_harness(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    (void)job;
    strbuf_adds(b, f->harness.message);
    if (f->harness.hint[0] != '\0')
        strbuf_addf(b, " (%s)", f->harness.hint);
}

static void say_service(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    (void)job;
    strbuf_adds(b, f->service.text);
}

static const struct {
    enum reports_verdict verdict;
    void (*say)(const struct jobs_job *, const struct attempt_facts *, struct strbuf *);
} cause_table[] = {
    [CAUSE_WALL] = {REPORTS_TIMEOUT, say_timeout},
    [CAUSE_CPU] = {REPORTS_CPU_LIMIT, say_cpu},
    [CAUSE_INSTRUCTIONS] = {REPORTS_CPU_LIMIT, evidence_instructions},
    [CAUSE_MEMORY] = {REPORTS_MEMORY_LIMIT, say_memory},
    [CAUSE_OUTPUT] = {REPORTS_OUTPUT_LIMIT, say_output},
    [CAUSE_CANCELLED] = {REPORTS_CANCELLED, say_cancelled},
    [CAUSE_HARNESS] = {REPORTS_ERROR, say_harness},
    [CAUSE_SUBMISSION] = {REPORTS_INVALID_SUBMISSION, say_harness},
    [CAUSE_SERVICE] = {REPORTS_ERROR, say_service},
    [CAUSE_UNREADY] = {REPORTS_FAILED, say_service},
    [CAUSE_AROUND] = {REPORTS_ERROR, evidence_around},
    [CAUSE_STOOD_STILL] = {REPORTS_ERROR, evidence_stood_still},
};

enum reports_verdict verdict_of_cause(enum attempt_cause cause, const struct attempt_facts *f)
{
    if (cause == CAUSE_SERVICE && f->service.is_untrusted)
        return REPORTS_FAILED;
    return cause_table[cause].verdict;
}

void verdict_say_cause(enum attempt_cause cause, const struct jobs_job *job,
                       const struct attempt_facts *facts, struct strbuf *b)
{
    cause_table[cause].say(job, facts, b);
}
