/* SPDX-License-Identifier: Apache-2.0 */
/* evidence: see evidence.h. */
#include "harness/attempt/evidence.h"

#include "harness/attempt/first_aid.h"

const char *evidence_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

uint64_t evidence_oom_kills(const struct attempt_facts *facts)
{
    uint64_t n = 0;

    return cgroup_usage_get(&facts->usage, CGROUP_OOM_KILLS, &n) ? n : 0;
}

/* ---- memory that ran out ---- */

void evidence_add_victim(const struct attempt_facts *f, struct strbuf *b)
{
    const struct oom_victim *v = &f->oom_victim;
    char text[UNIT_TEXT_SIZE];

    if (v->host_pid == 0)
        return;
    strbuf_addf(b, "; the kernel took `%s`", v->command);
    if (f->oom_victim_pid != 0)
        strbuf_addf(b, ", pid %d in the job", f->oom_victim_pid);
    if (v->anonymous_bytes != 0)
        strbuf_addf(b, ", with %s of its own", unit_format_size(v->anonymous_bytes, text));
}

static void say_whose(const struct cgroup_oom *oom, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];

    if (oom->origin == CGROUP_OOM_AROUND && oom->group[0] != '\0')
        strbuf_addf(
            b, "not the job's own limit: the group around cupel, %s, reached its memory limit %s",
            oom->group, unit_format_size(oom->limit, text));
    else if (oom->origin == CGROUP_OOM_AROUND)
        strbuf_adds(b, "not the job's own limit: a group around cupel that is not visible from "
                       "here reached its memory limit");
    else
        strbuf_adds(b, "not the job's own limit: the machine ran out of memory");
}

void evidence_around(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];
    bool limited = jobs_limit_is_set(&job->limits, JOBS_LIMIT_MEMORY);
    uint64_t n;

    say_whose(&f->oom, b);
    if (f->started_ns != 0 && f->cause == CAUSE_AROUND && f->cause_ns >= f->started_ns)
        strbuf_addf(b, " after %s", unit_format_duration(f->cause_ns - f->started_ns, text));
    if (cgroup_usage_get(&f->usage, CGROUP_OOM_KILLS, &n) && n > 0)
        strbuf_addf(b, ", and the kernel killed %llu process%s of the job", (unsigned long long)n,
                    n == 1 ? "" : "es");
    if (f->init_out_of_memory)
        strbuf_addf(b, ", and the kernel killed its PID 1%s",
                    facts_runs_command(f) ? "" : " while a command was being started");
    if (limited)
        strbuf_addf(
            b, "; the job's limit is %s",
            jobs_limit_format(JOBS_LIMIT_MEMORY, job->limits.value[JOBS_LIMIT_MEMORY], text));
    else
        strbuf_adds(b, "; the job has no memory limit");
    if (cgroup_usage_get(&f->usage, CGROUP_MEMORY_PEAK_BYTES, &n))
        strbuf_addf(b, ", its peak was %s", unit_format_size(n, text));
    evidence_add_victim(f, b);
    strbuf_addf(
        b,
        " (give cupel more memory, run fewer jobs at once with -j, or give jobs %s memory limit)",
        limited ? "a lower" : "a");
}

/* ---- thrashing ---- */

bool evidence_was_thrashing(const struct attempt_facts *f)
{
    return (f->cause == CAUSE_WALL || f->cause == CAUSE_CPU) && f->started_ns != 0 &&
           f->thrashing_ns >= (f->cause_ns - f->started_ns) / 2 && f->thrashing_ns > 0;
}

static void say_faults(const struct attempt_facts *f, struct strbuf *b)
{
    if (f->has_major_faults)
        strbuf_addf(b, ", %llu major fault%s", (unsigned long long)f->major_faults,
                    evidence_plural(f->major_faults));
}

void evidence_thrashing(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    const struct jobs_limits *l =
        f->cause_is_step_limit ? &job->steps[f->cause_step].limits : &job->limits;
    enum jobs_limit which = f->cause == CAUSE_WALL ? facts_limit_of_time(f) : JOBS_LIMIT_CPU_TIME;
    char text[UNIT_TEXT_SIZE];

    strbuf_addf(b, "memory limit %s reached",
                jobs_limit_format(JOBS_LIMIT_MEMORY, job->limits.value[JOBS_LIMIT_MEMORY], text));
    strbuf_addf(b, ": thrashing at it for %s", unit_format_duration(f->thrashing_ns, text));
    strbuf_addf(b, " of %s", unit_format_duration(f->cause_ns - f->started_ns, text));
    say_faults(f, b);
    strbuf_addf(b, ", until its %s limit %s struck", jobs_limit_table[which].key,
                jobs_limit_format(which, l->value[which], text));
}

void evidence_add_thrashing(const struct attempt_facts *f, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];

    if (f->thrashing_ns == 0)
        return;
    strbuf_addf(b, "; thrashing at its memory limit for %s",
                unit_format_duration(f->thrashing_ns, text));
    say_faults(f, b);
}

/* ---- instructions ---- */

void evidence_instructions(const struct jobs_job *job, const struct attempt_facts *f,
                           struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];

    strbuf_addf(b, "instructions limit %llu reached: %llu executed by all its processes",
                (unsigned long long)job->limits.value[JOBS_LIMIT_INSTRUCTIONS],
                (unsigned long long)f->instructions);
    if (f->started_ns != 0 && !f->cause_afterwards && f->cause_ns >= f->started_ns)
        strbuf_addf(b, ", and ended after %s",
                    unit_format_duration(f->cause_ns - f->started_ns, text));
    else if (f->cause_afterwards)
        strbuf_adds(b, ", before it ended by itself");
}

/* ---- who stood still ---- */

bool evidence_standstill(const struct attempt_facts *f, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];

    if (f->stood_still_ns != 0)
        strbuf_addf(b,
                    "cupel itself stood still for %s while this job ran (stopped by a signal, "
                    "its container frozen, or its machine paused)",
                    unit_format_duration(f->stood_still_ns, text));
    if (f->suspended_ns != 0)
        strbuf_addf(b, "%sthe machine was suspended for %s while this job ran",
                    f->stood_still_ns != 0 ? "; " : "",
                    unit_format_duration(f->suspended_ns, text));
    return b->len > 0;
}

void evidence_stood_still(const struct jobs_job *job, const struct attempt_facts *f,
                          struct strbuf *b)
{
    const struct jobs_limits *l =
        f->cause_is_step_limit ? &job->steps[f->cause_step].limits : &job->limits;
    char text[UNIT_TEXT_SIZE];

    (void)evidence_standstill(f, b);
    strbuf_addf(b, ", and its %s limit %s passed meanwhile: the job has not had its time",
                jobs_limit_table[facts_limit_of_time(f)].key,
                unit_format_duration(l->value[facts_limit_of_time(f)], text));
}

/* ---- refused forks ---- */

/* The kernel counts a refused fork with the group that forked, whosever limit it was (before 6.11,
 * and on v1). But the job's own limit refuses none before so many processes exist. */
static bool refused_itself(const struct jobs_job *job, const struct attempt_facts *f)
{
    uint64_t peak;

    if (!jobs_limit_is_set(&job->limits, JOBS_LIMIT_PIDS))
        return false;
    return !cgroup_usage_get(&f->usage, CGROUP_PIDS_PEAK, &peak) ||
           peak >= job->limits.value[JOBS_LIMIT_PIDS];
}

bool evidence_refused_around(const struct jobs_job *job, const struct attempt_facts *f,
                             struct strbuf *b)
{
    uint64_t refused = 0, peak;

    (void)cgroup_usage_get(&f->usage, CGROUP_PIDS_REFUSED, &refused);
    if (refused > 0 ? refused_itself(job, f) : f->around.pids_refused == 0)
        return false;
    if (refused == 0)
        refused = f->around.pids_refused;
    strbuf_addf(b, "%llu fork%s refused, not by the job's own limit", (unsigned long long)refused,
                refused == 1 ? " was" : "s were");
    if (f->around.pids_max != 0)
        strbuf_addf(b, ": the group around cupel, %s, has a limit of %llu processes",
                    f->around.pids_by, (unsigned long long)f->around.pids_max);
    if (cgroup_usage_get(&f->usage, CGROUP_PIDS_PEAK, &peak))
        strbuf_addf(b, "; the job had %llu at most", (unsigned long long)peak);
    if (jobs_limit_is_set(&job->limits, JOBS_LIMIT_PIDS))
        strbuf_addf(b, " of its %llu", (unsigned long long)job->limits.value[JOBS_LIMIT_PIDS]);
    return true;
}

/* ---- the other of a pair ---- */

/* Adds what the program may have done wrong, whose turn it was not. An interactor that goes on when
 * its input has ended does not wait for anybody, so that nothing is guessed of the program. */
static void add_whose_fault(const struct attempt_facts *f, bool by_job, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];

    if (f->pair.judge_late != 0)
        strbuf_addf(b,
                    "; the interactor may be at fault: still running %s after the end of the job "
                    "(its wall limit)",
                    unit_format_duration(f->pair.judge_late, text));
    else if (!by_job)
        strbuf_adds(b, ": it was the program's turn");
    else
        strbuf_adds(b, f->pair.is_line ? ": was all of its output flushed?"
                                       : ", and no line end: is one missing?");
}

/* Says whose turn it was, of two that both waited. */
static void add_interaction(const struct attempt_facts *f, uint64_t last, struct strbuf *b)
{
    bool by_job = last == f->pair.wrote_ns;
    uint64_t bytes = by_job ? f->pair.wrote : f->pair.got;
    char text[UNIT_TEXT_SIZE];

    if (last == 0)
        strbuf_adds(b, "; neither the program nor the interactor had written anything");
    else
        strbuf_addf(b, "; the %s wrote last (%llu byte%s in all, %s after the start)",
                    by_job ? "program" : "interactor", (unsigned long long)bytes,
                    evidence_plural(bytes),
                    unit_format_duration(last > f->started_ns ? last - f->started_ns : 0, text));
    if (last != 0 || f->pair.judge_late != 0)
        add_whose_fault(f, by_job, b);
}

void evidence_add_pair(const struct attempt_facts *f, struct strbuf *b)
{
    uint64_t last = f->pair.wrote_ns > f->pair.got_ns ? f->pair.wrote_ns : f->pair.got_ns;
    char text[UNIT_TEXT_SIZE];

    if (f->pair.other == NULL)
        return;
    if (f->pair.interactive) {
        add_interaction(f, last, b);
        return;
    }
    if (last == 0) {
        strbuf_addf(b, "; neither it nor '%s' had written anything", f->pair.other);
        return;
    }
    strbuf_addf(b, "; %s%s%s wrote last", last == f->pair.wrote_ns ? "" : "'",
                last == f->pair.wrote_ns ? "it" : f->pair.other,
                last == f->pair.wrote_ns ? "" : "'");
    if (f->cause_ns > last)
        strbuf_addf(b, ", %s before", unit_format_duration(f->cause_ns - last, text));
}

/* ---- verdicts about time ---- */

void evidence_add_refused_forks(const struct jobs_job *job, const struct attempt_facts *f,
                                struct strbuf *b)
{
    cleanup_strbuf struct strbuf around = {0};
    uint64_t refused;

    if (evidence_refused_around(job, f, &around))
        strbuf_addf(b, "; %s", around.data);
    else if (cgroup_usage_get(&f->usage, CGROUP_PIDS_REFUSED, &refused) && refused > 0)
        strbuf_addf(b, "; %llu fork%s refused at pids: %llu", (unsigned long long)refused,
                    evidence_plural(refused),
                    (unsigned long long)job->limits.value[JOBS_LIMIT_PIDS]);
}

/* Thousandths of a core. */
static const char *cores(uint64_t millicores, char buf[static 32])
{
    (void)snprintf(buf, 32, "%llu.%03llu", (unsigned long long)(millicores / 1000),
                   (unsigned long long)(millicores % 1000));
    return buf;
}

static void say_throttled(const struct attempt_facts *f, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE], quota[32];

    if (f->around.throttled_ns == 0)
        return;
    strbuf_addf(b,
                "; the group around cupel, %s, was held back for %s by its CPU quota of %s cores",
                f->around.throttled_by, unit_format_duration(f->around.throttled_ns, text),
                cores(f->around.cpu_millicores, quota));
}

static void say_high(const struct attempt_facts *f, struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];

    if (f->around.high_events == 0)
        return;
    strbuf_addf(b,
                "; the group around cupel, %s, was slowed down %llu time%s for being above its "
                "memory.high %s",
                f->around.high_by, (unsigned long long)f->around.high_events,
                evidence_plural(f->around.high_events),
                unit_format_size(f->around.memory_high, text));
}

void evidence_of_time(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    cleanup_strbuf struct strbuf still = {0};

    evidence_add_refused_forks(job, f, b);
    evidence_add_thrashing(f, b);
    first_aid_of_memory(f, b);
    say_throttled(f, b);
    say_high(f, b);
    if (evidence_standstill(f, &still))
        strbuf_addf(b, "; %s", still.data);
}
