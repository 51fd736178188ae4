/* SPDX-License-Identifier: Apache-2.0 */
/* taken_layers: private to sandbox; what an input that is another job's files is made of. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct init_input;

enum taken_kind { TAKEN_SNAPSHOT, TAKEN_ROOT, TAKEN_HOST };
struct taken_layer {
    int dir; /* O_PATH */
    enum taken_kind kind;
    const struct jobs_input *host; /* of TAKEN_HOST: which input of that job's it is of */
};
/* A directory as its layers, top first, or one file. */
struct taken {
    struct taken_layer *layers;
    size_t n;
    char *file; /* its name in layers[0], which is then the only one; or NULL: a directory */
    struct stat st;
};

/* Finds what each input of the request's job is made of that is another job's files, and makes the
 * layers below them ready in the stage: *ret has one for each input, and is NULL where there is no
 * such input. -EUCLEAN: there is nothing that could be taken, which *err says (sandbox.h). */
int taken_find(struct sandbox_stage *s, const struct sandbox_request *request, struct taken **ret,
               struct cupel_error *err);
void taken_free(struct taken *taken, size_t n);

/* Tells how many bytes of single files are to be copied to the job's disk. */
uint64_t taken_copied(const struct taken *taken, const struct jobs_job *job);

/* Makes the mounts of input number `input` for PID 1. */
int taken_open(struct sandbox_stage *s, const struct sandbox_request *request,
               const struct taken *taken, size_t input, struct init_input *to,
               struct cupel_error *err);
