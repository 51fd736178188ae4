/* supervisor: a plan becomes results. One event loop decides order, cancellation and reports; long-lived slots do the
 * blocking kernel work of one job at a time, including its deadlines (docs/ARCHITECTURE.md says why there). */
#pragma once

#include "base/base.h"
#include "jobs/jobs.h"

struct cache_lockfile;

/* Where runs report to that were not told otherwise. */
#define SUPERVISOR_OUT "cupel-out"

struct supervisor_options {
    struct jobs_plan *const *plans; /* one a file */
    bool *const *selected;          /* per plan, per job */
    size_t n_plans;
    unsigned slots;       /* -j */
    const char *out;      /* --out; NULL: no reports, and no console (a session) */
    const char *hides;    /* without that: the one that jobs do not see; NULL: SUPERVISOR_OUT */
    int retries;          /* --retries: in place of what the jobs say; -1: not given */
    unsigned keep_failed; /* of how many failed attempts what they left is kept, at most; 0: of none */
    bool fail_fast;
    bool best_effort;
    uint64_t run_memory; /* bound of everything in the run together; 0: none */
    bool overcommit; /* start jobs whatever the sum of their limits */
    struct cache_lockfile *note; /* what derived roots turn out to be is noted in it; or NULL */
    bool locked;                 /* only on roots that are what the lock file beside their job file says */
    bool allow_host_network;
    uint32_t allow_devices; /* bits of enum jobs_device: which unusual ones jobs may have */
    uint64_t sample_ns;     /* between two points of the jobs' timelines; 0: none are kept */
};

/* Runs what is selected and writes the reports. 0 and the program's exit code (0, 1, 3, 130), or an error before
 * anything ran: a limit that this host cannot hold, a root that cannot be made, no rights, an unwritable out directory.
 */
int supervisor_run(const struct supervisor_options *options, int *ret_exit, struct cupel_error *err);

/* Makes the roots of what is selected ready, as supervisor_run would, runs no job, and tells of each. */
typedef void supervisor_root_fn(void *data, const struct jobs_root *root, size_t n_layers);
int supervisor_make_roots(const struct supervisor_options *options, supervisor_root_fn *tell, void *data,
                          struct cupel_error *err);

/* Removes what killed runs left behind (run directories, cgroups); *ret_removed counts them. Also done at every start.
 */
int supervisor_recover(size_t *ret_removed, struct cupel_error *err);
/* After that: removes the groups of dead runs of which no store is left. How many runs. */
int supervisor_sweep(size_t *ret_removed, struct cupel_error *err);
