/* SPDX-License-Identifier: Apache-2.0 */
/* given: a job of a command line, alone or over one of a job file. Knows no options: they come as
 * the keys that they stand for. */
#pragma once

#include "jobs/job_roots.h"

struct jobs_plan;

#define JOBS_COMMAND_LINE "the command line" /* its plan's `file`, where there is none */

/* A key of a job, or an entry of one that is a map; `option` is how it was written, for messages.
 */
struct jobs_given_value {
    const char *option; /* "--limit memory=64M" */
    const char *key;    /* "limits" */
    const char *entry;  /* "memory", or "io.read-bps"; NULL: the value is the key's own */
    const char *value;
    bool is_text; /* as in quotes */
};
struct jobs_given_input {
    const char *option;
    const char *from;
    const char *to, *mode; /* or NULL */
};
struct jobs_given {
    const char *file; /* the job file that `job` is of, and builds on; NULL: of none */
    const char *job;  /* its name */
    /* a root that is none of the file's: CACHED or PATH; without a name: what the values say */
    struct jobs_root root;
    const struct jobs_given_value *values;
    size_t n_values;
    const struct jobs_given_input *inputs; /* besides those of the file's job */
    size_t n_inputs;
    const char *const *command;   /* in place of its steps */
    const char *const *artifacts; /* NULL-terminated patterns, in place of its own; or NULL */
};
/* The plan of a command line: what jobs_load does, with the options over the job, and problems of
 * an option called after it. Of the job there is one step, the command; nothing is expected of it
 * but the exit code 0, and it has neither needs, retries nor a standard input of its own. */
int jobs_load_given(const struct jobs_given *given, struct jobs_plan **ret_plan,
                    struct jobs_job **ret_job, struct strbuf *problems, struct cupel_error *err);
