/* SPDX-License-Identifier: Apache-2.0 */
/* session: somebody at a terminal (or a pipe) in a job's sandbox: `cupel shell`. */
#pragma once

#include "base/base.h"
#include "jobs/jobs.h"

struct sandbox_kept;

struct session_options {
    const struct jobs_plan *plan;
    const struct jobs_job *job;      /* of the plan */
    const char *const *command;      /* NULL: the job's shell */
    const struct sandbox_kept *kept; /* what a kept job wrote, to lie under it; NULL: nothing */
    bool secrets;                    /* the job's are given to it again, where it was kept */
    bool no_services;                /* the job's are not started */
    const char *hides;               /* as run_options.hides */
    bool best_effort;
    bool allow_host_network;
    uint32_t allow_devices; /* bits of enum jobs_device */
};

/* Runs the command in exactly the sandbox that the job would get, but for what makes no sense at a
 * terminal: the limits wall, cpu-time and output are not held, and TERM is the caller's unless the
 * job sets it. Its streams are a terminal of its own when standard input and output both are
 * terminals, and three pipes otherwise. 0 and the command's exit code (128 + signal; 127 and 126
 * when it could not be executed; 128 + signal when we were asked to end), or an error of the
 * harness. */
int session_shell(const struct session_options *options, int *ret_exit, struct cupel_error *err);

/* ---- one command that is judged as a job is: `cupel exec` ---- */

struct exec_options {
    const struct jobs_plan *plan;
    const struct jobs_job *job; /* of the plan; its one step is the command */
    const char *name;           /* in the result, in place of the job's; or NULL */
    const char *artifacts;      /* directory for them; NULL: none are wanted */
    int result;                 /* descriptor that one line of results.jsonl goes to, or -EBADF */
    bool terminal;
    bool quiet; /* says nothing but errors of the harness */
    bool best_effort;
    bool allow_host_network;
    uint32_t allow_devices; /* bits of enum jobs_device */
    uint64_t sample_ns;     /* between two points of the timeline; 0: none are kept */
};

/* The exit codes that stand for limits; docs/exec.md. */
#define EXEC_EXIT_TIMEOUT 240

/* Runs the command in the job's sandbox with our 0, 1 and 2 (or terminal) for its own, judges it as
 * any job, and writes the result. 0 and the exit code, or an error of the harness; the result says
 * that as well. */
int session_exec(const struct exec_options *options, int *ret_exit, struct cupel_error *err);

struct enterable_handle;
/* The same in a running job of this plan, which `handle` holds: with the job's own rights and
 * within its limits, until the command or the job ends. `of_image`: environment of the image of the
 * job's root, or NULL. The options `kept`, `best_effort` and `allow_host_network` mean nothing
 * here. */
int session_enter(const struct session_options *options, const struct enterable_handle *handle,
                  const char *const *of_image, int *ret_exit, struct cupel_error *err);
