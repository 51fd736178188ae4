/* SPDX-License-Identifier: Apache-2.0 */
/* capture: a job's output, from its two pipes into the log files, counted and bounded. */
#pragma once

#include "reports/reports.h"

struct capture {
    struct reports_out *out;
    const char *name;
    int pipe[2]; /* borrowed: stdout, stderr */
    int log[2];  /* opened at the first byte */
    uint64_t written[2];
    uint64_t limit; /* both together */
    bool over;      /* more came than the limit allows; what is in the logs is kept */
};
void capture_init(struct capture *c, struct reports_out *out, const char *name, int out_pipe,
                  int err_pipe, uint64_t limit);
/* Takes what is in pipe `which` now, at most until it is empty or the limit is passed. Returns 1
 * while the pipe is open, 0 at its end, negative when the log cannot be written. */
int capture_take(struct capture *c, int which, struct cupel_error *err);
/* Reads both pipes until they are empty. */
int capture_drain(struct capture *c, struct cupel_error *err);
/* Whether all that was taken is in the logs, as far as their file system tells. */
int capture_flush(const struct capture *c, struct cupel_error *err);
void capture_close(struct capture *c);
/* Whether the first lines of standard output have this: only where a wall is away, see
 * base/weaken.h. */
bool capture_has(const struct capture *c, const char *text);
