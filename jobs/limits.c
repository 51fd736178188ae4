/* SPDX-License-Identifier: Apache-2.0 */
/* limits: what limits there are and how their values are written for people. Not responsible for
 * enforcing any. */
#include "jobs/limits.h"
#include "jobs/jobs.h"

#define LIMIT_INFO(id, name, report, kind, smallest, largest, step, text)                          \
    [JOBS_LIMIT_##id] = {.key = (name),                                                            \
                         .report_key = (report),                                                   \
                         .unit = JOBS_UNIT_##kind,                                                 \
                         .min = (smallest),                                                        \
                         .max = (largest),                                                         \
                         .per_step = (step)},

#define IO_LIMIT_INFO(id, name, report, kind, smallest, largest, step, text)                       \
    LIMIT_INFO(id, "io." name, report, kind, smallest, largest, step, text)

const struct jobs_limit_info jobs_limit_table[JOBS_LIMIT_COUNT] = {
    JOBS_LIMITS(LIMIT_INFO) JOBS_KILL_LIMITS(LIMIT_INFO) JOBS_IO_LIMITS(IO_LIMIT_INFO)};

const char *jobs_limit_format(enum jobs_limit which, uint64_t value,
                              char buf[static UNIT_TEXT_SIZE])
{
    switch (jobs_limit_table[which].unit) {
    case JOBS_UNIT_CORES:
        return unit_format_cores(value, buf);
    case JOBS_UNIT_DURATION:
        return unit_format_duration(value, buf);
    case JOBS_UNIT_SIZE:
        return unit_format_size(value, buf);
    case JOBS_UNIT_COUNT:
    case JOBS_UNIT_CPUS:
        break;
    }
    (void)snprintf(buf, UNIT_TEXT_SIZE, "%llu", (unsigned long long)value);
    return buf;
}
