/* SPDX-License-Identifier: Apache-2.0 */
/* alone: see alone.h. Not responsible for what is near (attempt/near_limit.c), nor for who starts
 * when (schedule.c). */
#include "harness/supervisor/alone.h"

#include "harness/attempt/limits_in_force.h"
#include "harness/attempt/results.h"
#include "reports/reports.h"

/* The limit of time that a verdict is about; false: it is about none. */
static bool limit_of_time(enum reports_verdict verdict, enum jobs_limit *ret_limit,
                          enum reports_figure *ret_figure)
{
    *ret_limit = verdict == REPORTS_CPU_LIMIT ? JOBS_LIMIT_CPU_TIME : JOBS_LIMIT_WALL;
    *ret_figure = verdict == REPORTS_CPU_LIMIT ? REPORTS_CPU_SECONDS : REPORTS_WALL_SECONDS;
    return verdict == REPORTS_CPU_LIMIT || verdict == REPORTS_TIMEOUT;
}

/* Says whether the attempt executed more than its limit of instructions, of whichever limit its
 * verdict is: alone it would execute as many. */
static bool executed_too_many(const struct jobs_job *job, const struct reports_result *attempt)
{
    return jobs_limit_is_set(&job->limits, JOBS_LIMIT_INSTRUCTIONS) &&
           reports_usage_has(&attempt->usage, REPORTS_INSTRUCTIONS) &&
           attempt->usage.value[REPORTS_INSTRUCTIONS] > job->limits.value[JOBS_LIMIT_INSTRUCTIONS];
}

bool alone_is_worth_it(const struct jobs_job *job, const struct reports_result *attempt)
{
    enum reports_figure figure;
    enum jobs_limit limit;

    return limit_of_time(attempt->verdict, &limit, &figure) && !executed_too_many(job, attempt) &&
           reports_usage_has(&attempt->usage, figure) &&
           limits_are_worth_again(job, limit, attempt->usage.value[figure],
                                  attempt->near_limit != NULL);
}

void alone_tell(const struct jobs_job *job, struct reports_result *last, struct arena *arena)
{
    cleanup_strbuf struct strbuf b = {0};
    enum reports_figure figure = REPORTS_CPU_SECONDS;
    enum jobs_limit limit = JOBS_LIMIT_CPU_TIME;
    char text[UNIT_TEXT_SIZE];
    size_t n = 0;

    for (size_t i = 0; i <= last->n_previous; i++) {
        const struct reports_result *r = i < last->n_previous ? last->previous[i] : last;

        if (n == 0 && (r == last || !alone_is_worth_it(job, r)))
            continue;
        if (n == 0) {
            (void)limit_of_time(r->verdict, &limit, &figure);
            strbuf_addf(&b, "%s of its %s limit ",
                        unit_format_duration(r->usage.value[figure], text),
                        jobs_limit_table[limit].key);
            strbuf_addf(&b, "%s; run again alone",
                        unit_format_duration(job->limits.value[limit], text));
            n++;
        } else if (reports_usage_has(&r->usage, figure)) {
            strbuf_addf(&b, "%s%s", n++ == 1 ? ": " : ", ",
                        unit_format_duration(r->usage.value[figure], text));
        }
    }
    if (n == 0)
        return;
    if (last->verdict == REPORTS_PASSED || last->evidence == NULL)
        results_add_note(last, arena, b.data);
    else
        last->evidence = arena_printf(arena, "%s; %s", last->evidence, b.data);
}
