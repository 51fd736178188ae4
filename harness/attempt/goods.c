/* SPDX-License-Identifier: Apache-2.0 */
/* goods: see goods.h. Not responsible for who starts when (supervisor/schedule.c,
 * serve/serve_jobs.c). */
#include "harness/attempt/goods.h"

#include "harness/attempt/results.h"
#include "harness/run/run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What others hold is looked at so often at most: a look takes about as long as a few system calls
 * for each job that runs. What our own jobs take and give back meanwhile does not change it. */
#define LOOK_NS (200 * NSEC_PER_MSEC)
#define MEMINFO_MAX 65536

static const enum jobs_limit goods_limits[GOODS_COUNT] = {
    [GOODS_CPU] = JOBS_LIMIT_CPU, [GOODS_MEMORY] = JOBS_LIMIT_MEMORY};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Returns what the kernel could give to new programs without swapping (proc_meminfo(5)): free, and
 * cache that it can take back. UINT64_MAX: it does not say. */
static uint64_t machine_left(void)
{
    static const char key[] = "\nMemAvailable:";
    cleanup_free char *text = NULL;
    const char *at;
    size_t len;

    if (file_read_at(AT_FDCWD, "/proc/meminfo", MEMINFO_MAX, &text, &len) < 0 ||
        (at = strstr(text, key)) == NULL)
        return UINT64_MAX;
    return strtoull(at + strlen(key), NULL, 10) * 1024;
}

void goods_find_stock(const struct run *run, struct goods_stock *ret)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    ret->whole[GOODS_CPU] =
        least((uint64_t)run->cpus * 1000, cgroup_run_around(run->cgroups, CGROUP_AROUND_CPU, NULL));
    ret->whole[GOODS_MEMORY] =
        least(pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX,
              cgroup_run_around(run->cgroups, CGROUP_AROUND_MEMORY, NULL));
    memcpy(ret->now, ret->whole, sizeof(ret->now));
    ret->looked_ns = 0;
}

void goods_look_again(const struct run *run, struct goods_stock *stock)
{
    uint64_t now = clock_monotonic_ns();

    if (stock->looked_ns != 0 && now - stock->looked_ns < LOOK_NS)
        return;
    stock->looked_ns = now;
    stock->now[GOODS_MEMORY] =
        least(stock->whole[GOODS_MEMORY], cgroup_run_memory_room(run->cgroups, machine_left()));
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

static void note_alone(enum goods which, uint64_t wanted, uint64_t left, bool others,
                       struct arena *arena, struct reports_result *result)
{
    char wants[UNIT_TEXT_SIZE], there[UNIT_TEXT_SIZE];
    cleanup_free char *note = NULL;

    jobs_limit_format(goods_limits[which], wanted, wants);
    jobs_limit_format(goods_limits[which], left, there);
    note = xasprintf("its limit of %s%s is more than the %s that %s: it ran alone", wants,
                     which == GOODS_MEMORY ? " of memory"
                     : str_eq(wants, "1")  ? " CPU"
                                           : " CPUs",
                     there,
                     others               ? "others had left when it started"
                     : str_eq(there, "1") ? "there is"
                                          : "there are");
    results_add_note(result, arena, note);
}

void goods_note(const struct goods_stock *stock, uint64_t room, const struct instance *in,
                struct arena *arena, struct reports_result *result)
{
    for (enum goods i = 0; i < GOODS_COUNT; i++) {
        uint64_t wanted = goods_wanted(in, i);

        if (wanted > stock->whole[i])
            note_alone(i, wanted, stock->whole[i], false, arena, result);
        else if (i == GOODS_MEMORY && wanted > room)
            note_alone(i, wanted, room & ~UINT64_C(0xfffff), true, arena, result);
    }
}
