/* SPDX-License-Identifier: Apache-2.0 */
/* attempt: one job, run once, in a slot: its context, which a slot keeps between jobs, and its
 * result. */
#pragma once

#include "harness/attempt/checked.h"
#include "harness/attempt/facts.h"
#include "harness/attempt/standstill.h"
#include "harness/attempt/verdict.h"
#include "harness/run/run.h"

struct attempt_result {
    struct attempt_facts facts;
    struct judgement job;
    struct judgement *steps;
    struct strings artifacts, notes;
    struct reports_file *files;   /* of each artifact; malloc'ed */
    struct reports_cache *caches; /* without keys; what was restored is malloc'ed */
    size_t n_caches;
    bool has_coverage;
    uint32_t coverage_milli;     /* thousandths of a percent */
    struct reports_tests *tests; /* that the job has reported; NULL: it was to report none */
    char *near_limit;            /* or NULL */
    struct checked checked;      /* what its checker said, if it was asked */
    char *kept;                  /* how to name what was kept of it (kept.h), or NULL */
    bool has_stdout, has_stderr; /* whether there are such logs */
};

/* When what of setting up was done that no step of the sandbox's is about; for --trace-setup. */
struct attempt_times {
    uint64_t group_ns, group_took_ns; /* the cgroup, begun and how long */
};

struct pair_ends;
struct attempt_context {
    const struct run *run;
    struct sandbox_stage *stage;
    struct slot_view *view;
    int orders; /* the slot's socket to the supervisor */
    uint64_t serial;
    struct pressure machine;
    struct cgroup_around *around;
    struct standstill standstill;
    int kernel_log; /* or -EBADF */
    /* our own PID namespace is the first one, whose numbers the kernel's log has */
    bool pids_are_kernels;
    bool has_schedstat; /* the kernel tells how long each thread waited for a CPU */
    struct timeline timeline;
    struct attempt_times times;
    /* what is prepared here is for any job of the same shape (shape.h): its words come late */
    bool late;
    /* the next attempt's, which takes it: a socket to the slot that runs the other job of its pair
     * (pair.h), or -EBADF */
    int pair;
    const char *pair_with; /* that job's name */
    /* of a process for checkers, what it shares with its slot (interactor.h): or NULL, -EBADF */
    struct pair_ends *ends;
    int transcript;
    struct ready *ready;         /* of the process of a service; else NULL */
    struct checker *checker;     /* who judges what jobs write (checker.h), or NULL */
    struct capture_heads *heads; /* of the process of a checker; else NULL */
    struct cores_held cores;     /* that the attempt has for itself */
};

/* An attempt that is prepared: everything is done but the exec of its first command. Until it is
 * run, none of the job's own has run, and none of its limits and figures counts. */
struct attempt_ahead {
    const struct instance *instance; /* NULL: none is */
    struct caches *caches;           /* caches.h; or NULL */
    struct cgroup_job *cgroup;
    struct sandbox_job sandbox;
};
/* Begins to prepare one; PID 1 goes on by itself. What fails is not told: then none is, and the
 * attempt begins from the start when it is run, which will tell. So does one whose preparation
 * takes long when the next order is there already. */
void attempt_prepare(struct attempt_context *ctx, const struct instance *instance,
                     struct attempt_ahead *ret);
/* Listens to a prepared one, when its `sandbox.control` can be read; drops it where it failed. */
void attempt_listen(struct attempt_context *ctx, struct attempt_ahead *ahead);
void attempt_drop(struct attempt_context *ctx, struct attempt_ahead *ahead);

/* Runs the instance once, as prepared in `ahead` (taken from there) where that is not NULL.
 * Failures of the harness are a verdict like any other. The result is final when this returns; what
 * is still to be removed (the job's files, its cgroup, its PID 1) is left in `ret_leftover` for
 * attempt_take_down, so that nobody has to wait for that. No process of the job is left but that
 * one, which waits for its end. */
struct attempt_leftover {
    struct cgroup_job *cgroup; /* or NULL */
    struct sandbox_job sandbox;
    bool has_sandbox;
    struct caches *caches; /* or NULL */
};
void attempt_run(struct attempt_context *ctx, const struct instance *instance,
                 struct attempt_ahead *ahead, struct attempt_result *ret,
                 struct attempt_leftover *ret_leftover);
void attempt_take_down(struct attempt_context *ctx, struct attempt_leftover *leftover);
void attempt_result_free(struct attempt_result *r);
