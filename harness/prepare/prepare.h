/* SPDX-License-Identifier: Apache-2.0 */
/* prepare: everything between a checked plan and the first job. */
#pragma once

#include "base/interrupt.h"
#include "harness/run/run.h"
#include "harness/run/run_options.h"
#include "harness/run/rundir.h"
#include "reports/reports.h"

struct prepared {
    struct run run;
    struct rundir *dir;
    struct cache *cache;
    struct cgroup_host *host;
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
