/* SPDX-License-Identifier: Apache-2.0 */
/* out: what the writers need of the open out directory. Private to reports/. */
#pragma once

#include "reports/outdir.h"
#include "reports/reports.h"

struct reports_out {
    char *path;
    int dirfd;
    int logsfd;       /* DIR/logs */
    int artifactsfd;  /* DIR/artifacts */
    int lockfd;       /* DIR/.lock, holds the flock */
    int jsonlfd;      /* DIR/results.jsonl, O_APPEND */
    size_t run_width; /* of the run's line in it, without its end; 0: there is none */
    int testsfd;      /* records of tests until junit.xml is written; or -EBADF */
    bool only_files;  /* nothing but the artifacts of one job, in DIR itself */
    struct outdir_owner owner;
};

#define OUT_JUNIT OUTDIR_JUNIT
#define OUT_JSONL OUTDIR_JSONL

/* How the files of logs/ are called, behind what a job's files are named after. */
#define OUT_LOG_NAME_SIZE 256
extern const char *const out_log_suffixes[REPORTS_LOGS_KEPT];

/* *err from an errno of an operation below the out directory, with the hint that fits. Returns
 * -errnum. */
int out_fail(const struct reports_out *out, const char *what, int errnum, struct cupel_error *err);
