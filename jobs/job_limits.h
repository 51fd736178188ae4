/* SPDX-License-Identifier: Apache-2.0 */
/* job_limits: what limits a job may have and which it has, and sets of CPUs. The one list of them
 * is limits.h: declared once, read by parser, schema, cgroups, evidence and reports. Not
 * responsible for enforcing any. */
#pragma once

#include "base/base.h"

enum jobs_limit {
    JOBS_LIMIT_CPU,          /* thousandths of a core */
    JOBS_LIMIT_CPUSET,       /* how many CPUs; which ones: jobs_limits.cpus */
    JOBS_LIMIT_CPU_TIME,     /* ns */
    JOBS_LIMIT_WALL,         /* ns */
    JOBS_LIMIT_INSTRUCTIONS, /* executed in user mode */
    JOBS_LIMIT_IDLE,         /* ns without output */
    JOBS_LIMIT_MEMORY,       /* bytes */
    JOBS_LIMIT_SWAP,         /* bytes */
    JOBS_LIMIT_PIDS,
    JOBS_LIMIT_DISK,   /* bytes */
    JOBS_LIMIT_INODES, /* count */
    JOBS_LIMIT_OUTPUT, /* bytes, stdout and stderr together */
    JOBS_LIMIT_STDOUT, /* bytes, of each alone */
    JOBS_LIMIT_STDERR,
    JOBS_LIMIT_FILE_SIZE,
    JOBS_LIMIT_OPEN_FILES,
    JOBS_LIMIT_STACK,
    JOBS_LIMIT_ADDRESS_SPACE,
    JOBS_LIMIT_CORE,
    JOBS_LIMIT_PROCESSES,
    JOBS_LIMIT_CPU_TIME_KILL, /* ns: of one that is given twice, what ends the job; */
    JOBS_LIMIT_WALL_KILL,     /* JOBS_LIMIT_CPU_TIME and _WALL, it is judged by */
    JOBS_LIMIT_IO_READ_BPS,   /* bytes a second */
    JOBS_LIMIT_IO_WRITE_BPS,
    JOBS_LIMIT_IO_READ_IOPS, /* operations a second */
    JOBS_LIMIT_IO_WRITE_IOPS,
    JOBS_LIMIT_COUNT,
};

enum jobs_unit {
    JOBS_UNIT_CORES,
    JOBS_UNIT_DURATION,
    JOBS_UNIT_SIZE,
    JOBS_UNIT_COUNT,
    JOBS_UNIT_CPUS
};

#define JOBS_CPUS_EXCLUSIVE "exclusive"

struct jobs_limit_info {
    /* as in the job file: "cpu-time"; "io.read-bps" is the key "read-bps" of "io", and
     * "wall.kill" "kill" of "wall" */
    const char *key;
    /* as in results.jsonl: "cpu_time_seconds", "memory_bytes", "cpu_cores", "pids" */
    const char *report_key;
    enum jobs_unit unit;
    uint64_t min;  /* smallest value that makes sense, in the model's unit */
    uint64_t max;  /* largest that any host may be able to hold */
    bool per_step; /* may stand in a step's own limits: wall, idle, cpu-time, output, stdout, stderr
                    * and the rlimits */
};
extern const struct jobs_limit_info jobs_limit_table[JOBS_LIMIT_COUNT];

/* A value per limit; `set` has bit (1 << JOBS_LIMIT_X) where the file (or a default) gave one. */
struct jobs_limits {
    uint32_t set;
    uint32_t unsaid; /* of `set`, those that hold since nobody said anything */
    uint64_t value[JOBS_LIMIT_COUNT];
    /* JOBS_LIMIT_CPUSET as a list in ascending order: "0-2,5"; or JOBS_CPUS_EXCLUSIVE, whole cores
     * that no other job of the run has meanwhile, as many as `cpu` says */
    const char *cpus;
};
static inline bool jobs_limit_is_set(const struct jobs_limits *l, enum jobs_limit which)
{
    return (l->set >> which) & 1u;
}
/* What ends a job whose limit of time is given twice: COUNT where a limit is never. */
static inline enum jobs_limit jobs_limit_kill_of(enum jobs_limit which)
{
    return which == JOBS_LIMIT_WALL       ? JOBS_LIMIT_WALL_KILL
           : which == JOBS_LIMIT_CPU_TIME ? JOBS_LIMIT_CPU_TIME_KILL
                                          : JOBS_LIMIT_COUNT;
}
/* Whether the job is to have whole cores for itself. */
static inline bool jobs_limits_are_exclusive(const struct jobs_limits *l)
{
    return jobs_limit_is_set(l, JOBS_LIMIT_CPUSET) && l->cpus != NULL &&
           str_eq(l->cpus, JOBS_CPUS_EXCLUSIVE);
}
/* Whether it is a limit that somebody chose. */
static inline bool jobs_limit_is_said(const struct jobs_limits *l, enum jobs_limit which)
{
    return ((l->set & ~l->unsaid) >> which) & 1u;
}
/* "512 MiB", "1 s", "1.5": a limit's value for people. Returns buf. */
const char *jobs_limit_format(enum jobs_limit which, uint64_t value,
                              char buf[static UNIT_TEXT_SIZE]);

/* ---- sets of CPUs, as the kernel writes them ("0-2,5") ---- */

#define JOBS_CPUS_MAX 8192 /* no kernel is built for more (CONFIG_NR_CPUS) */
struct jobs_cpus {
    uint64_t bits[JOBS_CPUS_MAX / 64];
};
/* False when the text is no such list, or an empty one, or names a CPU that no machine has. A
 * newline may follow. */
bool jobs_cpus_parse(const char *text, struct jobs_cpus *ret);
/* Appends the shortest form of the list. */
void jobs_cpus_format(const struct jobs_cpus *cpus, struct strbuf *out);
bool jobs_cpus_overlap(const struct jobs_cpus *a, const struct jobs_cpus *b);
unsigned jobs_cpus_count(const struct jobs_cpus *cpus);
/* The CPUs of `cpus` that are not in `allowed`; false when there are none. */
bool jobs_cpus_beyond(const struct jobs_cpus *cpus, const struct jobs_cpus *allowed,
                      struct jobs_cpus *ret);
