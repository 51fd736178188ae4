/* SPDX-License-Identifier: Apache-2.0 */
/* readers: private to ingest: what the readers of all formats share. They run in a confined child,
 * and beside it in the fuzzer and unit tests. */
#pragma once

#include "ingest/ingest.h"

/* Where a reader's bytes come from: a descriptor, or memory. */
struct ingest_source {
    int fd; /* -EBADF: memory */
    const char *data;
    size_t left;
};
/* Like read(2): how many bytes, 0 at the end, or -errno. */
ssize_t ingest_take(struct ingest_source *s, char *buf, size_t size);

/* The cases that a reader has found so far. */
struct ingest_cases {
    struct strbuf *reply;
    uint64_t n;
    size_t listed_bytes;
    char why[200]; /* why the file is broken; "" while it is not */
    uint64_t line; /* of the file, for `why`; 0: not known */
};
/* Adds a case, listed or only counted. False: no more are taken, and `why` says so. */
bool ingest_add(struct ingest_cases *to, const struct reports_test_case *c);
/* Notes what is wrong, once. */
void ingest_broken(struct ingest_cases *to, uint64_t line, const char *fmt, ...) BASE_PRINTF(3, 4);
/* A time in seconds as tools write it ("0.25", "1,234.5", "3e-05"), or REPORTS_TEST_NO_TIME. */
uint64_t ingest_seconds(const char *text, size_t n);

/* A figure of coverage. */
struct ingest_coverage {
    bool found;
    uint32_t milli; /* thousandths of a percent, up to 100000 */
};
/* Finds it in the last line that the pattern (POSIX, extended) matches with a number in it. */
void ingest_coverage_output(struct ingest_source *from, const char *pattern,
                            struct ingest_coverage *to);
void ingest_coverage_cobertura(struct ingest_source *from, struct ingest_cases *cases,
                               struct ingest_coverage *to);

/* Read all of the source into `to`; what is wrong is in to->why. */
typedef void ingest_reader(struct ingest_source *from, struct ingest_cases *to);
ingest_reader ingest_junit, ingest_tap, ingest_ctrf;
