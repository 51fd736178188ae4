/* SPDX-License-Identifier: Apache-2.0 */
/* capture: a job's output, from its two pipes into the log files, counted and bounded. What is in
 * both comes at one moment may change places in the merged log: the kernel keeps no order of two
 * pipes. */
#pragma once

#include "base/redact.h"
#include "harness/attempt/forward.h"
#include "harness/attempt/merged_log.h"
#include "harness/attempt/pair.h"
#include "harness/attempt/ready.h"
#include "reports/reports.h"

/* The first bytes of both streams, of output that has no logs. */
#define CAPTURE_HEAD_MAX ((size_t)REPORTS_MESSAGE_SIZE)
struct capture_heads {
    char text[2][CAPTURE_HEAD_MAX];
    size_t n[2];
};

struct capture {
    struct reports_out *out;
    struct capture_heads *heads; /* where it goes in place of logs; or NULL */
    struct forward *forward;     /* where it goes in place of logs; or NULL */
    struct ready *ready;         /* what listens to a service; or NULL */
    struct pair *pair;           /* where standard output goes besides the log; or NULL */
    const char *name;
    int pipe[2];                /* borrowed: stdout, stderr */
    int log[REPORTS_LOG_COUNT]; /* opened at the first byte */
    struct merged_log merged;   /* what the last of them gets */
    uint64_t written[2];
    uint64_t limit;   /* both together */
    uint64_t each[2]; /* of each alone, or UINT64_MAX */
    /* standard output is a terminal's: the carriage returns that it puts before the ends of lines
     * are taken away again, so that what is in the logs is what the job wrote */
    bool terminal;
    bool has_return;            /* one came last, and what follows it is not known yet */
    uint64_t taken;             /* bytes read */
    bool over;                  /* more came than a limit allows; what is in the logs is kept */
    enum jobs_limit over_limit; /* which: JOBS_LIMIT_OUTPUT, _STDOUT or _STDERR */
    /* what must not be seen, or NULL; `written` counts what the job wrote, not what is shown */
    const struct redact *redact;
    struct redact_stream stream[2];
    /* what the job wrote, in memory, of a stream that is compared with what is expected; or
     * -EBADF */
    int raw[2];
};
/* Begins without any limit, which the caller sets. */
void capture_init(struct capture *c, struct reports_out *out, const char *name, int out_pipe,
                  int err_pipe);
/* Takes secrets out of what comes; `job` says what of it is compared. Before the first byte. */
int capture_redact(struct capture *c, const struct redact *redact, const struct jobs_job *job,
                   struct cupel_error *err);
/* Remembers that a step ends here, in both streams. */
void capture_mark(struct capture *c);
/* Nothing more comes: lets go of what may have been the beginning of a secret. */
int capture_finish(struct capture *c, struct cupel_error *err);
/* Where a place of the output, one that was remembered, is in the log; after capture_finish. */
uint64_t capture_where(const struct capture *c, int which, uint64_t written);
/* Takes what is in pipe `which` now, at most until it is empty, the limit is passed, or whoever it
 * is forwarded to holds it up. Returns 1 while the pipe is open, 0 at its end or when nobody reads
 * any more, negative when the log cannot be written. */
int capture_take(struct capture *c, int which, struct cupel_error *err);
/* Tells how much more of a stream may come, and which limit says so. */
uint64_t capture_left(const struct capture *c, int which, enum jobs_limit *ret);
/* Takes what is in a file as what was written to standard output, as far as the limit allows. */
int capture_take_file(struct capture *c, int fd, struct cupel_error *err);
/* Whether stream `which` may be taken from now. */
bool capture_is_ready(const struct capture *c, int which);
/* Reads both pipes until they are empty, or held up. */
int capture_drain(struct capture *c, struct cupel_error *err);
/* Drops what stands in the pipes now. */
void capture_discard(struct capture *c);
/* Whether all that was taken is in the logs, as far as their file system tells. */
int capture_flush(const struct capture *c, struct cupel_error *err);
void capture_close(struct capture *c);
/* Whether the first lines of standard output have this: only where a wall is away, see
 * base/weaken.h. */
bool capture_has(const struct capture *c, const char *text);
