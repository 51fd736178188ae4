/* out: what the writers need of the open out directory. Private to reports/. */
#pragma once

#include "reports/reports.h"

struct reports_out {
    char *path;
    int dirfd;
    int logsfd;  /* DIR/logs */
    int lockfd;  /* DIR/.lock, holds the flock */
    int jsonlfd; /* DIR/results.jsonl, O_APPEND */
};

#define OUT_JUNIT "junit.xml"
#define OUT_JSONL "results.jsonl"

/* *err from an errno of an operation below the out directory, with the hint that fits. Returns -errnum. */
int out_fail(const struct reports_out *out, const char *what, int errnum, struct cupel_error *err);
