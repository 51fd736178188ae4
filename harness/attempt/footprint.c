/* SPDX-License-Identifier: Apache-2.0 */
/* footprint: see footprint.h. */
#include "harness/attempt/footprint.h"

static const uint32_t wanted = 1u << CGROUP_MEMORY_BYTES | CGROUP_SAMPLED;

/* What a group cannot give back without a swap: page cache is not in it. Absent unless every part
 * is known. */
static void note_held(const struct cgroup_usage *u, struct attempt_facts *f)
{
    static const enum cgroup_figure parts[] = {
        CGROUP_MEMORY_ANONYMOUS_BYTES, CGROUP_MEMORY_SHARED_BYTES, CGROUP_MEMORY_KERNEL_BYTES};
    uint64_t sum = 0, v;

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (!cgroup_usage_get(u, parts[i], &v))
            return;
        sum += v;
    }
    if (cgroup_usage_get(u, CGROUP_MEMORY_SOCKET_BYTES, &v)) /* on v1 on an account of their own */
        sum += v;
    f->has_memory_held = true;
    if (sum > f->memory_held_peak)
        f->memory_held_peak = sum;
}

static void note_anonymous(const struct cgroup_usage *u, struct attempt_facts *f)
{
    uint64_t anonymous, shared;

    if (!cgroup_usage_get(u, CGROUP_MEMORY_ANONYMOUS_BYTES, &anonymous) ||
        !cgroup_usage_get(u, CGROUP_MEMORY_SHARED_BYTES, &shared))
        return;
    f->has_memory_anonymous = true;
    if (anonymous + shared > f->memory_anonymous_peak)
        f->memory_anonymous_peak = anonymous + shared;
}

void footprint_glance(const struct cgroup_job *cgroup, struct attempt_facts *facts)
{
    struct cgroup_usage u = {0};

    cgroup_job_figures(cgroup, wanted, &u);
    note_held(&u, facts);
    note_anonymous(&u, facts);
}

void footprint_command_ended(const struct cgroup_job *cgroup, struct attempt_facts *facts)
{
    struct cgroup_usage u = {0};
    uint64_t now;

    cgroup_job_figures(cgroup, 1u << CGROUP_MEMORY_BYTES, &u);
    if (cgroup_usage_get(&u, CGROUP_MEMORY_BYTES, &now) && now >= FOOTPRINT_LEFT_MIN &&
        now > facts->memory_anonymous_peak)
        footprint_glance(cgroup, facts);
}

/* Counts what is kept of a look. */
static bool counts(const struct cgroup_usage *u, struct footprint *ret)
{
    uint64_t file, anonymous = 0;

    if (!cgroup_usage_get(u, CGROUP_MAJOR_FAULTS, &ret->faults) ||
        !cgroup_usage_get(u, CGROUP_REFAULTS_FILE, &file))
        return false;
    (void)cgroup_usage_get(u, CGROUP_REFAULTS_ANONYMOUS, &anonymous);
    ret->refaults = file + anonymous;
    (void)cgroup_usage_get(u, CGROUP_MEMORY_RECLAIMS, &ret->reclaims);
    return true;
}

static bool is_full(const struct cgroup_usage *u, uint64_t limit)
{
    uint64_t now;

    return limit != UINT64_MAX && cgroup_usage_get(u, CGROUP_MEMORY_BYTES, &now) &&
           now >= limit / 100 * FOOTPRINT_FULL_PERCENT;
}

/* A page that is faulted in from disk (a major fault), while pages come back that the group had and
 * lost (refaults: Documentation/mm/multigen_lru.rst, mm/workingset.c), in a group that is full: it
 * needs more at once than its limit lets it keep. Reading a large file over and over has refaults
 * and no faults; a program that starts has faults and no refaults. v1's failcnt would be simpler,
 * but some kernels do not count in it (6.18, memory and memsw alike). */
void footprint_look(struct footprint *p, const struct cgroup_job *cgroup, uint64_t memory_limit,
                    uint64_t now, struct attempt_facts *facts)
{
    struct footprint look = {.at_ns = now};
    struct cgroup_usage u = {0};
    bool full;

    cgroup_job_figures(cgroup, wanted, &u);
    note_held(&u, facts);
    note_anonymous(&u, facts);
    if (!counts(&u, &look))
        return;
    full = p->at_ns != 0 && is_full(&u, memory_limit);
    if (full && (look.refaults > p->refaults || look.reclaims > p->reclaims))
        facts->memory_full_ns += now - p->at_ns;
    if (full && look.refaults > p->refaults &&
        look.faults >= p->faults + FOOTPRINT_THRASHING_FAULTS)
        facts->thrashing_ns += now - p->at_ns;
    facts->memory_reclaims = look.reclaims;
    facts->memory_refaults = look.refaults;
    *p = look;
}

void footprint_end(const struct footprint *p, const struct cgroup_job *cgroup,
                   struct attempt_facts *facts)
{
    struct cgroup_usage u = {0};

    const struct oom_victim *v = &facts->oom_victim;

    /* as the kernel has seen it at the peak */
    if (v->host_pid != 0 && v->anonymous_bytes > facts->memory_anonymous_peak) {
        facts->has_memory_anonymous = true;
        facts->memory_anonymous_peak = v->anonymous_bytes;
    }
    if (p->at_ns == 0)
        return;
    cgroup_job_figures(cgroup, 1u << CGROUP_MAJOR_FAULTS, &u);
    facts->has_major_faults = cgroup_usage_get(&u, CGROUP_MAJOR_FAULTS, &facts->major_faults);
}
