/* SPDX-License-Identifier: Apache-2.0 */
/* admission: see admission.h. A job without such a limit counts as nothing: it is not known what it
 * takes. */
#include "harness/supervisor/admission.h"

#include "harness/attempt/results.h"
#include "harness/run/run.h"

#include <unistd.h>

enum { CPU, MEMORY }; /* thousandths of a core, bytes */
static const enum jobs_limit limits[SCHEDULE_GOODS] = {
    [CPU] = JOBS_LIMIT_CPU, [MEMORY] = JOBS_LIMIT_MEMORY};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Finds what there is of CPUs and memory: of the machine, and of what the groups around cupel leave
 * of it. */
static void find_stock(const struct run *run, uint64_t stock[static SCHEDULE_GOODS])
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    stock[CPU] =
        least((uint64_t)run->cpus * 1000, cgroup_run_around(run->cgroups, CGROUP_AROUND_CPU, NULL));
    stock[MEMORY] = least(pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX,
                          cgroup_run_around(run->cgroups, CGROUP_AROUND_MEMORY, NULL));
}

static uint64_t cost_of(const struct instance *in, size_t what)
{
    const struct jobs_limits *l = &in->job->limits;

    return jobs_limit_is_set(l, limits[what]) ? l->value[limits[what]] : 0;
}

void admission_set(const struct run *run, struct schedule *schedule)
{
    uint64_t stock[SCHEDULE_GOODS];

    find_stock(run, stock);
    schedule_set_stock(schedule, stock);
    for (size_t i = 0; i < run->n_instances; i++)
        schedule_set_cost(
            schedule, i,
            (uint64_t[SCHEDULE_GOODS]){[CPU] = cost_of(&run->instances[i], CPU),
                                       [MEMORY] = cost_of(&run->instances[i], MEMORY)});
}

void admission_note(const struct run *run, const struct instance *instance, struct arena *arena,
                    struct reports_result *result)
{
    uint64_t stock[SCHEDULE_GOODS];

    find_stock(run, stock);
    for (size_t i = 0; i < SCHEDULE_GOODS; i++) {
        char wanted[UNIT_TEXT_SIZE], there[UNIT_TEXT_SIZE];
        cleanup_free char *note = NULL;

        if (cost_of(instance, i) <= stock[i])
            continue;
        jobs_limit_format(limits[i], cost_of(instance, i), wanted);
        jobs_limit_format(limits[i], stock[i], there);
        note =
            xasprintf("its limit of %s%s is more than the %s that there %s: it ran alone", wanted,
                      i == MEMORY           ? " of memory"
                      : str_eq(wanted, "1") ? " CPU"
                                            : " CPUs",
                      there, str_eq(there, "1") ? "is" : "are");
        results_add_note(result, arena, note);
    }
}
