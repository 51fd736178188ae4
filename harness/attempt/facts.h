/* SPDX-License-Identifier: Apache-2.0 */
/* facts: what is known of an attempt before any judgement. Filled by attempt.c and those that it
 * asks; read by verdict.c, evidence.c and near_limit.c, which judge. */
#pragma once

#include "harness/attempt/killed_call.h"
#include "harness/attempt/oom_victim.h"
#include "harness/attempt/pressure.h"
#include "harness/attempt/timeline.h"
#include "harness/cgroup/cgroup.h"
#include "harness/sandbox/sandbox.h"
#include "reports/reports.h"

/* Why the slot itself ended the job; the first in time. */
enum attempt_cause {
    CAUSE_NONE,
    CAUSE_WALL,
    CAUSE_CPU,
    CAUSE_INSTRUCTIONS,
    CAUSE_MEMORY,
    CAUSE_OUTPUT,
    CAUSE_CANCELLED,
    CAUSE_SUBMISSION,  /* an input holds what is refused: facts.harness says what */
    CAUSE_HARNESS,     /* something of ours failed: facts.harness says what */
    CAUSE_STOOD_STILL, /* a time limit passed while the slot itself was kept from running */
    CAUSE_SERVICE,     /* a service was not there when the job was to begin */
    CAUSE_UNREADY,     /* of a service: it did not become ready in time */
    CAUSE_AROUND,      /* the memory of what is around the job ran out: facts.oom says whose */
};

struct step_facts {
    bool started;
    bool ended;
    int status;               /* raw wait status, when ended */
    int not_executed;         /* errno of execve, 0 when it worked */
    bool passed_over;         /* by its `when`, for what became of those before it */
    bool not_set_up;          /* by the job's own doing: facts.not_set_up says what */
    enum sandbox_input input; /* whether it has read of its standard input; attempt_note_input */
    uint64_t started_ns, ended_ns;
    uint64_t stdout_from, stdout_to, stderr_from, stderr_to;
    bool output_differs;
    char difference[REPORTS_EVIDENCE_SIZE / 2]; /* what differs, when output_differs */
};

/* A process of the job that its command left running. */
struct leak {
    unsigned step; /* in the order of the steps */
    int pid;
    uint64_t cpu_ns;
    char command[SANDBOX_DETAIL_SIZE]; /* as the process had it: hostile text */
};

/* When the two of a pair wrote last, by CLOCK_MONOTONIC; 0: never. */
struct pair_facts {
    const char *other; /* the other's name; NULL: the job is none of a pair */
    uint64_t wrote_ns, got_ns;
    bool interactive;    /* the other is what judges it, and these are known too: */
    uint64_t wrote, got; /* bytes */
    bool is_line;        /* what the job wrote ends as a line does */
    uint64_t judge_late; /* ns after the end of the job at which it was still running, and ended
                          * for it; 0: it had ended by itself */
};

/* What an interactor has said, where that is the job's verdict whatever else is known of it. */
struct interactor_facts {
    enum reports_verdict verdict; /* REPORTS_PASSED: nothing */
    char evidence[REPORTS_EVIDENCE_SIZE];
};

/* Of a job, what became of the first of its services that ended while it was needed; of a service,
 * why it is not ready. */
struct service_facts {
    char text[REPORTS_EVIDENCE_SIZE / 2]; /* empty: nothing */
    bool is_fault;                        /* of the harness, or of the machine */
    bool is_untrusted;                    /* it may have chosen to: no `error` */
};

struct attempt_facts {
    enum attempt_cause cause;
    unsigned cause_step;
    bool cause_is_step_limit; /* the limit was the step's own */
    const char *cause_set_up; /* the step was being set up, and this far; or NULL */
    /* why, of the step that is not; or why it was not executed, or did not begin */
    char not_set_up[REPORTS_EVIDENCE_SIZE / 2];
    uint64_t cause_ns; /* when */
    /* of CAUSE_WALL and CAUSE_CPU: what took more than its limit had ended by itself */
    bool cause_afterwards;
    /* of CAUSE_OUTPUT, which: JOBS_LIMIT_STDOUT or _STDERR, else that of both together */
    enum jobs_limit output_limit;
    /* of CAUSE_WALL and CAUSE_STOOD_STILL, the limit that passed was one of silence, since then; or
     * 0 */
    uint64_t silent_from_ns;
    bool time_up; /* of CAUSE_CANCELLED: by --timeout */
    uint64_t cpu_at_cause_ns;
    uint64_t cpu_before_step_ns; /* of that, used by the steps before cause_step */
    /* what the cause CAUSE_MEMORY was, where no control group bounds it */
    struct {
        uint64_t netlink, internet;
    } queue_bytes;
    bool grace_used_up; /* SIGTERM was not enough */
    struct timespec started;
    uint64_t started_ns; /* first command executed; 0: none was */
    uint64_t ended_ns;   /* everything gone */
    struct step_facts *steps;
    size_t n_steps;
    struct cgroup_usage usage;
    /* how PID 1 ended, where that was waited for, and what it did last; "": not known */
    bool has_init_end;
    int init_end; /* raw wait status */
    const char *init_at;
    bool init_out_of_memory; /* the kernel killed it, or what shared its memory, for want of it */
    bool has_init_cpu;       /* PID 1's own CPU time is known; see billing.h */
    uint64_t init_cpu_before_ns, init_cpu_ns;
    struct cgroup_oom oom; /* of CAUSE_MEMORY and CAUSE_AROUND */
    struct oom_victim oom_victim;
    int oom_victim_pid;                  /* in the job; 0: not known */
    char killed_call[KILLED_CALL_SIZE];  /* for which seccomp ended a process; "": not known */
    struct cgroup_around_figures around; /* of the groups around the run's */
    bool has_memory_held;
    uint64_t memory_held_peak; /* of what is no page cache, as seen at looks (footprint.h) */
    bool has_memory_anonymous;
    uint64_t memory_anonymous_peak; /* anonymous and shared, as seen (footprint.h) */
    bool has_max_rss;
    uint64_t max_rss; /* of one process, the largest */
    bool has_major_faults;
    uint64_t major_faults;
    uint64_t stood_still_ns; /* the slot itself */
    uint64_t suspended_ns;   /* the machine */
    uint64_t stack_default;  /* what a job has that does not say */
    /* time between looks in which it was full, and had to give pages back; how often, and how many
     * of them came back */
    uint64_t memory_full_ns, memory_reclaims, memory_refaults;
    uint64_t thrashing_ns; /* time between looks in which it thrashed at its limit */
    bool has_disk;
    uint64_t disk_peak, inodes_peak;
    bool store_full;             /* seen at any sample, by a job that has no disk of its own */
    bool disk_full, inodes_full; /* seen at any sample, or refused by the kernel at any moment */
    uint64_t writes_refused, inodes_refused; /* as far as the kernel tells */
    uint64_t output_bytes;
    struct leak *leaks; /* what was alive when a step's command ended, as far as it is named */
    size_t n_leaks;
    unsigned leaks_in_all;
    bool leaks_cut; /* or more */
    bool has_instructions;
    uint64_t instructions; /* executed by its commands, in user mode */
    bool has_run_queue_wait;
    uint64_t run_queue_wait_ns;   /* as far as it was seen */
    struct pressure_look machine; /* the difference from start to end */
    unsigned machine_cpus;        /* online */
    /* NULL: none; of the slot, until its next job */
    const struct timeline *timeline;
    /* why not all that the job left was copied; empty: it was */
    char artifacts_lost[REPORTS_EVIDENCE_SIZE / 2];
    /* why the results of the job's own tests fail it; empty: they do not */
    char tests_failed[REPORTS_EVIDENCE_SIZE / 2];
    struct pair_facts pair;
    struct interactor_facts interactor;
    struct service_facts service;
    struct cupel_error harness;
};
/* The limit of time that CAUSE_WALL and CAUSE_STOOD_STILL are about. */
static inline enum jobs_limit facts_limit_of_time(const struct attempt_facts *f)
{
    return f->silent_from_ns != 0 ? JOBS_LIMIT_IDLE : JOBS_LIMIT_WALL;
}
/* Whether a command had begun and not ended. */
static inline bool facts_runs_command(const struct attempt_facts *f)
{
    for (size_t i = 0; i < f->n_steps; i++)
        if (f->steps[i].started && !f->steps[i].ended)
            return true;
    return false;
}
/* The step that comes after `step`, those that are passed over left out; n_steps: none. */
static inline size_t facts_next_step(const struct attempt_facts *f, size_t step)
{
    do
        step++;
    while (step < f->n_steps && f->steps[step].passed_over);
    return step;
}
