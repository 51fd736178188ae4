/* SPDX-License-Identifier: Apache-2.0 */
/* run: what a run has prepared before its slots are forked, and all of them read: its jobs, roots,
 * groups, and the memory that slots and supervisor share. */
#pragma once

#include "harness/cgroup/cgroup.h"
#include "harness/run/cores.h"
#include "harness/sandbox/sandbox.h"
#include "jobs/jobs.h"
#include "reports/reports.h"
#include "rootfs-cache/cache.h"

#include <stdatomic.h>

#define INSTANCE_NONE SIZE_MAX

/* A job of the run, whichever file it came from. */
struct instance {
    const struct jobs_plan *plan;
    size_t plan_index; /* of the run's plans */
    const struct jobs_job *job;
    /* it is a service of a job; NULL: it is a job */
    const struct jobs_service *service;
    size_t services; /* of a job with services: index into run->instances of the first of them */
    const struct instance *checker;   /* what judges it, of a job with a checker; else NULL */
    const struct jobs_checker *judge; /* it is a checker of a job; NULL: it is something else */
    size_t root;                      /* index into run->roots */
    size_t bridge;                    /* of a job on a bridge: index into run->bridges */
    size_t from;                      /* the instance that it starts from, or INSTANCE_NONE */
    bool is_base;                     /* one of the run starts from it, or takes files of it */
    const struct sandbox_filter *filter;
    /* by the passwd file of the root's own layers, shared with others; NULL: PID 1 looks it up */
    const struct sandbox_user *user;
    /* numbers of its secrets in the run; none where they are not given to it */
    size_t *secrets;
    size_t n_secrets;
    /* the program that is to compile a submission and that its root does not have; malloc'ed, or
     * NULL */
    char *lacks;
    const char *id; /* unique in the run; the job's name where that is */
    /* what logs and artifacts are named after: no two share a file's name */
    const char *log_name;
    const char **step_ids; /* of named steps: unique as well, also among jobs; or NULL */
};

/* What the console may look at while a job runs, and whoever wants to enter it (enterable.h): one a
 * slot, in memory shared between supervisor and slots. */
struct slot_view {
    _Atomic uint64_t started_ns; /* 0: nothing runs */
    _Atomic uint64_t memory_bytes;
    /* the job's PID 1 and its instance, see enterable.c; 0: none that may be entered */
    _Atomic uint64_t running;
    _Atomic uint32_t slot; /* pid */
    /* the slot's descriptors, as sandbox_job has them */
    _Atomic int32_t namespaces[SANDBOX_NAMESPACES];
    _Atomic uint32_t uid, gid; /* of the job's commands, in the job */
    /* what they are called, where that is known; else of no uid */
    struct sandbox_user user;
    _Atomic uint32_t n_enter;
    /* the slot's descriptors for entering the payload */
    _Atomic int32_t enter[CGROUP_ENTER_MAX];
};

/* The caller's 0, 1 and 2, which the last job of a run may have in place of logs. */
struct run_streams {
    bool terminal; /* it gets one, whose other side is the caller's */
    unsigned short rows, columns;
};

/* The value of a secret. */
#define RUN_SECRETS_MAX 256
struct run_secret {
    const struct jobs_secret *of;
    const struct jobs_plan *plan;
    char *value; /* as a variable has it; NULL: it is none */
    char *data;  /* as it came */
    size_t len;
};

struct redact;
struct kept_verdicts;

/* What is known of a job that need not run again. */
struct run_cached {
    char key[CACHE_KEY_LEN + 1];  /* "": it has none, and runs */
    char *witness;                /* of what it reads, which is another after any change */
    bool found;                   /* it has ended so before, and does not run */
    bool needed;                  /* one that runs starts from it */
    enum reports_verdict verdict; /* how: passed, unless it is looked after by `verdicts` */
    int exit;
    struct cache_result before;
};

struct run {
    /* what its jobs' secrets are; and what hides them in all that is shown, or NULL: there is
     * nothing to hide */
    struct run_secret *secrets;
    size_t n_secrets;
    struct redact *redact;
    struct instance *instances;
    size_t n_instances; /* jobs, which are scheduled and reported */
    /* those of jobs stand behind these, and their checkers, and are prepared as they are; see
     * run_n_prepared */
    size_t n_services;
    size_t n_checkers;
    struct run_cached *cached; /* by instance; NULL: all are run */
    /* what verdicts of this run are kept, and what was found of earlier ones; NULL: nobody asked */
    struct kept_verdicts *verdicts;
    struct cache_root *roots;
    size_t n_roots;
    const char **root_log_names; /* by root: of a derived one, as instances have them */
    struct cgroup_run *cgroups;
    struct sandbox_filter **filters; /* one for each distinct profile */
    size_t n_filters;
    /* network namespaces, by instance->bridge; -EBADF where no job of the run is on it */
    int *bridges;
    size_t n_bridges;
    /* of sandbox_snapshots_open: by instance; -EBADF when none is a base */
    int snapshots;
    struct sandbox_nat nat; /* when a job has `network: nat` */
    uint32_t devices;       /* that any job has: bits of enum jobs_device */
    struct reports_out *out;
    const struct run_streams *streams; /* NULL: all jobs have logs */
    struct reports_out *files;         /* then: where artifacts go, or NULL */
    struct run_listing *listings;      /* of the inputs that have `git` */
    /* the out directory; without one, that of runs here; or NULL */
    struct sandbox_hidden *hidden;
    int dirfd;     /* the run's directory in the store */
    int templates; /* of sandbox_templates_open */
    /* of the slot that is started first, or NULL */
    struct sandbox_disk_ahead *disk;
    /* how many slots it has at most: as many as jobs may run at once; twice as many where some are
     * to prepare the next jobs meanwhile */
    unsigned n_slots;
    struct slot_view *views; /* by slot */
    int views_fd;            /* their memory */
    bool traces;             /* what setting up takes is written (--trace-setup) */
    int trace;               /* to this */
    unsigned cpus;
    struct cores cores; /* of jobs with `cpuset: exclusive` */
    uint64_t sample_ns; /* between two points of a timeline; 0: none is wanted */
    struct sandbox_privilege privilege;
    struct cache *cache;     /* borrowed; for caches of jobs, without a watcher in a slot */
    int store_dirfd;         /* borrowed */
    const char *id;          /* of the run */
    unsigned keep_failed;    /* of how many failed attempts what they left is kept */
    bool keep_passed;        /* and of those that passed */
    uint32_t unenforced_set; /* bits of enum jobs_limit: what --best-effort let go */
    bool no_cgroup_view;     /* and whether it did so of `cgroup-view` */
};

/* How many of run->instances are to be prepared: jobs, their services and checkers. */
static inline size_t run_n_prepared(const struct run *run)
{
    return run->n_instances + run->n_services + run->n_checkers;
}
/* Whether it is none of the jobs, but goes with one. */
static inline bool instance_is_of_job(const struct instance *in)
{
    return in->service != NULL || in->judge != NULL;
}
