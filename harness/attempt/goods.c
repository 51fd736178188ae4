/* SPDX-License-Identifier: Apache-2.0 */
/* goods: see goods.h. Not responsible for who starts when (supervisor/schedule.c,
 * serve/serve_jobs.c). */
#include "harness/attempt/goods.h"

#include "harness/attempt/results.h"
#include "harness/run/run.h"

#include <unistd.h>

static const enum jobs_limit goods_limits[GOODS_COUNT] = {
    [GOODS_CPU] = JOBS_LIMIT_CPU, [GOODS_MEMORY] = JOBS_LIMIT_MEMORY};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void goods_find_stock(const struct run *run, uint64_t ret_stock[static GOODS_COUNT])
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    ret_stock[GOODS_CPU] =
        least((uint64_t)run->cpus * 1000, cgroup_run_around(run->cgroups, CGROUP_AROUND_CPU, NULL));
    ret_stock[GOODS_MEMORY] =
        least(pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX,
              cgroup_run_around(run->cgroups, CGROUP_AROUND_MEMORY, NULL));
}

static uint64_t wanted_by(const struct jobs_job *job, enum goods which)
{
    const struct jobs_limits *l = &job->limits;

    return jobs_limit_is_set(l, goods_limits[which]) ? l->value[goods_limits[which]] : 0;
}

uint64_t goods_wanted(const struct instance *in, enum goods which)
{
    const struct jobs_checker *judge = in->job->checker;
    uint64_t sum = wanted_by(in->job, which), judging;

    for (size_t i = 0; i < jobs_services_count(in->job); i++)
        if (__builtin_add_overflow(sum, wanted_by(in->job->services->list[i].job, which), &sum))
            sum = UINT64_MAX;
    if (judge == NULL)
        return sum;
    judging = wanted_by(judge->job, which);
    if (!judge->interactive) /* it runs when the job is over */
        return judging > sum ? judging : sum;
    return __builtin_add_overflow(sum, judging, &sum) ? UINT64_MAX : sum;
}

void goods_note(const uint64_t stock[static GOODS_COUNT], const struct instance *in,
                struct arena *arena, struct reports_result *result)
{
    for (enum goods i = 0; i < GOODS_COUNT; i++) {
        char wanted[UNIT_TEXT_SIZE], there[UNIT_TEXT_SIZE];
        cleanup_free char *note = NULL;

        if (goods_wanted(in, i) <= stock[i])
            continue;
        jobs_limit_format(goods_limits[i], goods_wanted(in, i), wanted);
        jobs_limit_format(goods_limits[i], stock[i], there);
        note =
            xasprintf("its limit of %s%s is more than the %s that there %s: it ran alone", wanted,
                      i == GOODS_MEMORY     ? " of memory"
                      : str_eq(wanted, "1") ? " CPU"
                                            : " CPUs",
                      there, str_eq(there, "1") ? "is" : "are");
        results_add_note(result, arena, note);
    }
}
