/* SPDX-License-Identifier: Apache-2.0 */
/* prepare: everything between a checked plan and the first job. */
#pragma once

#include "base/interrupt.h"
#include "harness/run/run.h"
#include "harness/run/run_options.h"
#include "harness/run/rundir.h"
#include "reports/reports.h"

struct run_record;
struct prepared {
    struct run run;
    struct timespec began;     /* CLOCK_REALTIME, before anything was prepared */
    uint64_t began_ns;         /* the same, CLOCK_MONOTONIC */
    struct run_record *record; /* what its results say of it; NULL: not yet, or it has none */
    bool knows_secrets;        /* all of them, so that what is shown has none */
    struct rundir *dir;
    struct cache *cache;
    struct cgroup_host *host;
    bool counts_instructions; /* that was found out */
    struct reports_console *console;
    struct cache_lockfile **lockfiles; /* of each plan, all NULL but for a locked run */
    size_t n_lockfiles;
    struct cache_lockfile *note; /* for derived roots, or NULL */
    struct interrupt signals;    /* held from before the roots are made ready */
};

/* Checks that the host can hold what is asked, opens store and out directory, makes the roots
 * ready, compiles the filter and makes the run's cgroups. Nothing of any job has run when it fails,
 * and nothing is left. */
int prepare_run(const struct run_options *options, struct prepared *ret, struct cupel_error *err);
/* Keeps of a run that is over which of its jobs have passed (`cache-result`), at their first
 * attempt and with inputs that are still what they were when it began. What cannot be kept is a
 * warning. `results` has one for each instance of the run. */
void cached_results_keep(struct prepared *p, struct reports_result *const *results);
/* Keeps a final result for later runs, where --reuse asks for it: now, or as soon as it is known
 * that nothing has changed that it depends on. Its logs are where they are to be. */
void kept_verdicts_add(struct prepared *p, size_t instance, const struct reports_result *r);
/* Keeps those that wait for that, if a look is due; `now`: in any case. */
void kept_verdicts_settle(struct prepared *p, bool now);
/* Keeps all, and says how many could not be. */
void kept_verdicts_end(struct prepared *p);
/* Whether the job's verdict is one that is looked after so. */
bool kept_verdicts_has(const struct run *run, size_t instance);
/* Brings back the result of a job that was found, with its logs; names and limits are not in it. */
int kept_verdicts_restore(struct prepared *p, size_t instance, struct arena *arena,
                          struct reports_result *ret, struct cupel_error *err);
/* Says in the first line of the results what its job files hash to: while there is nothing else to
 * do, since that takes a library. */
int run_record_hash(struct prepared *p, struct cupel_error *err);
/* Says there that the run has ended, and how; `results` has one for each instance. */
int run_record_end(struct prepared *p, enum reports_outcome outcome,
                   struct reports_result *const *results, struct cupel_error *err);
void prepared_end(struct prepared *p);
/* Jobs that come later, over roots that the run has: checks whether this host can hold what they
 * ask for, as prepare_run does for those of the options' files. */
int prepare_more_check(const struct prepared *p, const struct run_options *options,
                       struct instance *instances, size_t n, struct cupel_error *err);
/* Completes them where they run, in a slot: `run` is its own copy, with them as its jobs. */
int prepare_more_complete(struct run *run, struct cupel_error *err);
/* The names of its steps, for tests: CUPEL_FAULT (base/weaken.h) makes one of them fail. */
size_t prepare_step_count(void);
const char *prepare_step_name(size_t i);

/* Makes the roots of what is selected ready, as supervisor_run would, runs no job, and tells of
 * each. */
typedef void prepare_root_fn(void *data, const struct jobs_root *root, size_t n_layers);
int prepare_make_roots(const struct run_options *options, prepare_root_fn *tell, void *data,
                       struct cupel_error *err);

/* Removes what killed runs left behind (run directories, cgroups); *ret_removed counts them. Also
 * done at every start.
 */
int prepare_recover(size_t *ret_removed, struct cupel_error *err);
/* Removes the groups of dead runs of which no store is left, after prepare_recover. Counts the
 * runs. */
int prepare_sweep(size_t *ret_removed, struct cupel_error *err);
