/* SPDX-License-Identifier: Apache-2.0 */
/* pipelines: job files of what other tools' pipelines say. Knows nothing of plans: text in, text
 * out; carried out by the room convert/. */
#pragma once

#include "base/base.h"

enum jobs_convert { JOBS_CONVERT_GITLAB, JOBS_CONVERT_GITHUB };
/* Finds the tool by its name: "gitlab", "github". */
bool jobs_convert_find(const char *word, enum jobs_convert *ret);
/* A pipeline, and what is known of when it is run. */
struct jobs_converting {
    enum jobs_convert from;
    const char *file; /* for messages */
    const char *text;
    size_t len;
    /* jobs and steps under conditions that cannot be told are written as if those held; else they
     * stand there as comments */
    bool assume;
    const char *dir; /* absolute: the project's, where other files of it lie; NULL: none is read */
    /* variables that are known: "NAME=VALUE", or "NAME" of one that is not set */
    const char *const *variables;
    size_t n_variables;
};

/* What is made of it. */
struct jobs_converted {
    struct strbuf text; /* the job file */
    /* what has no counterpart, one line each with its place, as also stands in the job file as a
     * comment; problems, where it failed */
    struct strbuf notes;
    size_t n_left; /* of these, what a job does or needs */
    size_t n_jobs; /* that run; with 0, it does not load */
};

/* Writes the job file that says what a pipeline says. Whether it fails or not, jobs_converted_free
 * is to follow. */
int jobs_convert(const struct jobs_converting *what, struct jobs_converted *ret,
                 struct cupel_error *err);
void jobs_converted_free(struct jobs_converted *c);
