/* SPDX-License-Identifier: Apache-2.0 */
/* cpus: sets of CPUs and their lists, as the kernel writes them. Knows no machine. */
#include "jobs/jobs.h"

/* Decimal digits, at least one; false also for what no machine has. Moves *at past them. */
static bool parse_number(const char **at, unsigned *ret)
{
    const char *p = *at;
    unsigned v = 0;

    for (; *p >= '0' && *p <= '9' && v < JOBS_CPUS_MAX; p++)
        v = v * 10 + (unsigned)(*p - '0');
    if (p == *at || v >= JOBS_CPUS_MAX)
        return false;
    *at = p;
    *ret = v;
    return true;
}

static bool has(const struct jobs_cpus *cpus, unsigned cpu)
{
    return cpu < JOBS_CPUS_MAX && ((cpus->bits[cpu / 64] >> (cpu % 64)) & 1u) != 0;
}

bool jobs_cpus_parse(const char *text, struct jobs_cpus *ret)
{
    *ret = (struct jobs_cpus){0};
    for (;;) {
        unsigned first, last;

        if (!parse_number(&text, &first))
            return false;
        last = first;
        if (*text == '-') {
            text++;
            if (!parse_number(&text, &last) || last < first)
                return false;
        }
        for (unsigned cpu = first; cpu <= last; cpu++)
            ret->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
        if (*text != ',')
            break;
        text++;
    }
    return *text == '\0' || (text[0] == '\n' && text[1] == '\0');
}

void jobs_cpus_format(const struct jobs_cpus *cpus, struct strbuf *out)
{
    const char *comma = "";

    strbuf_add(out, "", 0);
    for (unsigned cpu = 0; cpu < JOBS_CPUS_MAX; cpu++) {
        unsigned first = cpu;

        if (!has(cpus, cpu))
            continue;
        while (has(cpus, cpu + 1))
            cpu++;
        if (cpu == first)
            strbuf_addf(out, "%s%u", comma, first);
        else
            strbuf_addf(out, "%s%u-%u", comma, first, cpu);
        comma = ",";
    }
}

unsigned jobs_cpus_count(const struct jobs_cpus *cpus)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(cpus->bits); i++)
        n += (unsigned)__builtin_popcountll(cpus->bits[i]);
    return n;
}

bool jobs_cpus_overlap(const struct jobs_cpus *a, const struct jobs_cpus *b)
{
    for (size_t i = 0; i < ARRAY_SIZE(a->bits); i++)
        if ((a->bits[i] & b->bits[i]) != 0)
            return true;
    return false;
}

bool jobs_cpus_beyond(const struct jobs_cpus *cpus, const struct jobs_cpus *allowed,
                      struct jobs_cpus *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(cpus->bits); i++)
        ret->bits[i] = cpus->bits[i] & ~allowed->bits[i];
    return jobs_cpus_count(ret) > 0;
}
