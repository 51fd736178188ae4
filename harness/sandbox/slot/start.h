/* SPDX-License-Identifier: Apache-2.0 */
/* start: private to sandbox; what the steps of the slot's table share. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct init_context;
struct sandbox_stage;
struct taken;

/* Everything of one start that has to go away again when a later step fails. */
struct start {
    struct sandbox_stage *stage;
    const struct sandbox_request *request;
    struct sandbox_job job;
    struct init_context *ctx;
    /* where in the stage the snapshots under the job are, top first */
    size_t below[JOBS_FROM_DEPTH_MAX];
    /* the same, for what is in inputs: their owner is the job's user */
    size_t below_inputs[JOBS_FROM_DEPTH_MAX];
    struct taken *taken; /* of each input, those that are other jobs' files; or NULL */
    bool has_dir;
    /* of a step that fails: what *err has already (the cause alone, or the step's name as well),
     * and what it was about */
    enum start_said { SAID_NOTHING, SAID_CAUSE, SAID_ALL } said;
    const char *detail;
    char path[64]; /* for `detail` to point to */
};

/* A step returns 0 or a negative errno. Where it has said nothing, run_steps makes the error of
 * that and of s->detail. */
typedef int start_fn(struct start *s, struct cupel_error *err);

/* Notes what of the error is said already, and returns r. */
int start_said(struct start *s, enum start_said what, int r);

/* Returns how many of the snapshots have a layer of this input. */
size_t start_input_layers(const struct jobs_job *job, size_t input);

start_fn start_layers, start_disk;  /* start_disk.c */
start_fn start_clone, start_id_map; /* start_clone.c */
