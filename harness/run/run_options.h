/* SPDX-License-Identifier: Apache-2.0 */
/* run_options: what a run is asked for, whoever asks: `cupel run`, a session, the self-test. */
#pragma once

#include "base/base.h"
#include "jobs/jobs.h"

#include <limits.h>

struct cache_lockfile;

/* Where runs report to that were not told otherwise. */
#define RUN_OUT "cupel-out"
#define RUN_UNBOUNDED UINT_MAX

struct run_options {
    struct jobs_plan *const *plans; /* one a file */
    bool *const *selected;          /* per plan, per job */
    size_t n_plans;
    unsigned slots; /* -j */
    bool no_ahead;  /* --no-ahead: no job is prepared while others run */
    bool has_slots; /* slots are started once it is prepared, the first one for the first job */
    const char *const *command;   /* the command line, for the run's record; or NULL */
    const struct strbuf *earlier; /* noted in it for a run that continues this one; or NULL */
    const char *out;              /* --out; NULL: no reports, and no console (a session) */
    /* without that: logs and artifacts go to the run's directory in the store, and go with it */
    bool keeps_out;
    bool takes_more;     /* jobs come that are not in the plans (prepare_more_check) */
    unsigned more_slots; /* with that: so many that run none, as far as there is room */
    const char *hides;   /* without that: the one that jobs do not see; NULL: RUN_OUT */
    int retries;         /* --retries: in place of what the jobs say; -1: not given */
    /* of how many failed attempts what they left is kept, at most; 0: of none */
    unsigned keep_failed;
    bool keep_passed;   /* what jobs that passed left, too */
    unsigned fail_fast; /* after so many jobs that did not pass no other starts; 0: any number */
    /* --repeat: so often a job runs that no other waits for, unless it does not pass before; 0: as
     * the job says; RUN_UNBOUNDED: without end */
    unsigned repeat;
    bool until_fail; /* --until-fail: why fail_fast is 1 */
    bool no_cache;   /* --no-cache: jobs run though they have passed before */
    /* --reuse: verdicts of cases and of what they are made by are kept, and those that were are not
     * made anew; with no_cache, only kept. The plans are loaded with `describes`. */
    bool reuse_verdicts;
    /* told once, before the first job starts, how many will not run since what they come to is
     * known from before, where there are some; or NULL */
    void (*tell_known)(const void *data, size_t n);
    const void *tell_known_data;
    bool shuffles; /* --shuffle: jobs start in an order made of the seed */
    uint64_t seed;
    bool by_submission;  /* the console tells of submissions, not of their cases */
    uint64_t timeout_ns; /* --timeout: how long jobs may run, all together; 0: no bound */
    bool best_effort;
    bool no_secrets;             /* jobs do without theirs: a session over what a job left */
    bool trace_setup;            /* --trace-setup */
    uint64_t run_memory;         /* bound of everything in the run together; 0: none */
    bool pins;                   /* --pin: jobs that say nothing else have `cpuset: exclusive` */
    bool slots_said;             /* -j was given */
    bool overcommit;             /* start jobs whatever the sum of their limits */
    struct cache_lockfile *note; /* what derived roots turn out to be is noted in it; or NULL */
    /* only on roots that are what the lock file beside their job file says */
    bool locked;
    bool allow_host_network;
    uint32_t allow_devices; /* bits of enum jobs_device: which unusual ones jobs may have */
    uint64_t sample_ns;     /* between two points of the jobs' timelines; 0: none are kept */
};
