/* SPDX-License-Identifier: Apache-2.0 */
/* near_limit: whether a result near its time limit may be the machine's doing rather than the
 * job's. Pure: facts of the job and of the machine become one phrase, or none. The thresholds are
 * documented in docs/measurement.md. */
#include "harness/attempt/near_limit.h"

#include "harness/attempt/limits_in_force.h"

/* Shares of the time that the job took, in percent. What the job does to itself is no pressure:
 * more threads than CPUs, its own CPU quota, its own memory limit. So a lack of CPUs only counts
 * where others used a good part of them. */
#define WAITING_PERCENT 10u
#define OTHERS_PERCENT 10u
#define BUSY_PERCENT 90u
#define STOLEN_PERCENT 5u
#define DISK_PERCENT 25u
#define HARDLY_PERCENT 5u

static unsigned percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (unsigned)((unsigned __int128)part * 100 / whole);
}

/* ---- was the machine under pressure? ---- */

struct shares {
    bool has_waiting, has_others;
    unsigned waiting; /* of the time, some task waited for a CPU */
    unsigned others;  /* of the CPUs' time, used by other processes */
    unsigned busy;
    unsigned stolen;
};

static struct shares shares_of(const struct attempt_facts *f)
{
    uint64_t span = f->machine.at_ns, capacity = span * f->machine_cpus, v, own;
    struct shares s = {0};

    s.has_waiting = pressure_get(&f->machine, MACHINE_CPU_PRESSURE_NS, &v);
    if (s.has_waiting)
        s.waiting = percent(v, span);
    s.has_others = pressure_get(&f->machine, MACHINE_BUSY_NS, &v) &&
                   cgroup_usage_get(&f->usage, CGROUP_CPU_NS, &own);
    if (s.has_others) {
        s.busy = percent(v, capacity);
        s.others = percent(v > own ? v - own : 0, capacity);
    }
    if (pressure_get(&f->machine, MACHINE_STOLEN_NS, &v))
        s.stolen = percent(v, capacity);
    return s;
}

/* A job that neither ran nor waited to has not missed the CPU, however busy the machine. */
static bool hardly_ran(const struct attempt_facts *f)
{
    uint64_t used, waited = 0;

    if (!cgroup_usage_get(&f->usage, CGROUP_CPU_NS, &used))
        return false;
    if (!cgroup_usage_get(&f->usage, CGROUP_CPU_PRESSURE_NS, &waited) && f->has_run_queue_wait)
        waited = f->run_queue_wait_ns;
    return percent(used + waited, f->machine.at_ns) < HARDLY_PERCENT;
}

static bool lacks_cpu(const struct attempt_facts *f, const struct shares *s, struct strbuf *b)
{
    if (!s->has_others || s->others < OTHERS_PERCENT || hardly_ran(f))
        return false;
    if (s->has_waiting && s->waiting >= WAITING_PERCENT)
        strbuf_addf(b,
                    "some task waited for a CPU %u%% of the time while other processes used %u%% "
                    "of the CPUs",
                    s->waiting, s->others);
    else if (!s->has_waiting && s->busy >= BUSY_PERCENT)
        strbuf_addf(b, "the CPUs were %u%% busy, %u%% with other processes", s->busy, s->others);
    else
        return false;
    return true;
}

static bool is_stolen_from(const struct shares *s, struct strbuf *b)
{
    if (s->stolen < STOLEN_PERCENT)
        return false;
    strbuf_addf(b, "the hypervisor took %u%% of the CPUs", s->stolen);
    return true;
}

/* The stalls of a group at its own memory limit are among the machine's too. */
static bool lacks_memory(const struct jobs_job *job, const struct attempt_facts *f,
                         struct strbuf *b)
{
    uint64_t waited, peak;

    if (!pressure_get(&f->machine, MACHINE_MEMORY_PRESSURE_NS, &waited) ||
        percent(waited, f->machine.at_ns) < WAITING_PERCENT)
        return false;
    if (jobs_limit_is_set(&job->limits, JOBS_LIMIT_MEMORY) &&
        (!cgroup_usage_get(&f->usage, CGROUP_MEMORY_PEAK_BYTES, &peak) ||
         percent(peak, job->limits.value[JOBS_LIMIT_MEMORY]) >= 95))
        return false;
    strbuf_addf(b, "some task waited for memory %u%% of the time",
                percent(waited, f->machine.at_ns));
    return true;
}

/* Says whether tasks waited for disks. The job's own waiting is in there: nothing tells the two
 * apart on cgroup v1. */
static bool lacks_disk(const struct attempt_facts *f, struct strbuf *b)
{
    uint64_t waited;

    if (!pressure_get(&f->machine, MACHINE_IO_PRESSURE_NS, &waited) ||
        percent(waited, f->machine.at_ns) < DISK_PERCENT)
        return false;
    strbuf_addf(b, "some task, of this job or another, waited for a disk %u%% of the time",
                percent(waited, f->machine.at_ns));
    return true;
}

/* ---- was it near? ---- */

/* The share of its limit that was used, of those that there are the largest; false when that is not
 * near. */
static bool is_near(const struct jobs_job *job, const struct attempt_facts *f, struct strbuf *b)
{
    uint64_t used[2] = {f->ended_ns - f->started_ns, 0};
    static const struct {
        enum jobs_limit limit;
        const char *name;
    } limits[] = {{JOBS_LIMIT_WALL, "wall"}, {JOBS_LIMIT_CPU_TIME, "cpu-time"}};

    if (f->started_ns == 0)
        return false;
    (void)cgroup_usage_get(&f->usage, CGROUP_CPU_NS, &used[1]);
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        char text[UNIT_TEXT_SIZE];
        uint64_t limit = job->limits.value[limits[i].limit];
        unsigned share =
            jobs_limit_is_set(&job->limits, limits[i].limit) ? percent(used[i], limit) : 0;

        if (share < 100 - LIMITS_NEAR_PERCENT)
            continue;
        strbuf_addf(b, "%u%% of its %s limit %s used", share, limits[i].name,
                    unit_format_duration(limit, text));
        return true;
    }
    return false;
}

bool near_limit_describe(const struct jobs_job *job, const struct attempt_facts *facts,
                         enum reports_verdict verdict, struct strbuf *ret)
{
    /* on a busy machine a program executes no other instructions than on a quiet one */
    bool ended_by_limit = (verdict == REPORTS_TIMEOUT || verdict == REPORTS_CPU_LIMIT) &&
                          facts->cause != CAUSE_INSTRUCTIONS;
    struct shares s = shares_of(facts);
    cleanup_strbuf struct strbuf b = {0};

    strbuf_adds(&b, "near-limit, machine under pressure: ");
    if (!ended_by_limit && (verdict != REPORTS_PASSED || !is_near(job, facts, &b)))
        return false;
    if (!ended_by_limit)
        strbuf_adds(&b, ", and ");
    if (!lacks_cpu(facts, &s, &b) && !is_stolen_from(&s, &b) && !lacks_memory(job, facts, &b) &&
        !lacks_disk(facts, &b))
        return false;
    strbuf_adds(ret, b.data);
    return true;
}

bool near_limit_passed(const struct jobs_job *job, const struct attempt_facts *facts,
                       struct strbuf *ret)
{
    cleanup_strbuf struct strbuf b = {0};

    if (!is_near(job, facts, &b))
        return false;
    strbuf_addf(ret, "near-limit: %s", b.data);
    return true;
}
