/* prepare: private to supervisor: everything between a checked plan and the first job. */
#pragma once

#include "base/interrupt.h"
#include "harness/attempt/attempt.h"
#include "harness/run/rundir.h"
#include "harness/supervisor/supervisor.h"

struct prepared {
    struct run run;
    struct run_dir *dir;
    struct cache *cache;
    struct cgroup_host *host;
    struct reports_console *console;
    struct cache_lockfile **lockfiles; /* of each plan, all NULL but for a locked run */
    size_t n_lockfiles;
    struct cache_lockfile *note; /* for derived roots, or NULL */
    struct interrupt signals;    /* held from before the roots are made ready */
};

/* Checks that the host can hold what is asked, opens store and out directory, makes the roots ready, compiles the
 * filter and makes the run's cgroups. Nothing of any job has run when it fails, and nothing is left. */
int prepare(const struct supervisor_options *options, struct prepared *ret, struct cupel_error *err);
void prepared_end(struct prepared *p);
