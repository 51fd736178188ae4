/* SPDX-License-Identifier: Apache-2.0 */
/* trace: what setting up takes, step by step, as lines of JSON in the out directory
 * (--trace-setup). */
#pragma once

#include "base/base.h"

struct reports_out;

#define TRACE_NAME "setup-trace.jsonl"

struct trace_step {
    const char *name, *where;
    uint64_t took_ns;
    bool ahead; /* before the order to run it */
};

/* What an attempt took from its order on, in moments of CLOCK_MONOTONIC; 0: it did not come to
 * that. */
struct trace_attempt {
    const char *id;
    bool prepared;
    uint64_t ordered_ns, began_ns, ended_ns, answered_ns, done_ns;
};

/* Makes the file anew, to be written to by several processes. */
int trace_open(const struct reports_out *out, int *ret_fd, struct cupel_error *err);
/* Writes the line of a run's preparation, and of an attempt. What cannot be written is missing. */
void trace_run(int fd, const struct trace_step *list, size_t n);
void trace_attempt(int fd, const struct trace_attempt *a, const struct trace_step *list, size_t n);
