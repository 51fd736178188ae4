/* SPDX-License-Identifier: Apache-2.0 */
/* compare: what is expected and what there is, by one of the rules of `compare`. Neither is ever
 * held in memory as a whole: a job may write as much as its disk and limits allow, in one line or
 * one token. White space is that of the C locale, and letters those of ASCII, whatever the locale
 * of the caller. */
#pragma once

#include "jobs/jobs.h"

/* Either side: bytes in memory, or a range of a file. */
struct compare_source {
    const char *text; /* or NULL: a file */
    int fd;
    uint64_t from;
    uint64_t len;
};

/* Where they differ first. What is quoted of either begins at `at`, and is `len` bytes long, or as
 * long as a quotation can be. */
struct compare_difference {
    bool differ;
    uint64_t expected_at, got_at;
    uint64_t expected_len, got_len; /* UINT64_MAX: up to its end */
    bool is_number;                 /* both are, and this far from one another */
    double distance;
};

/* What alone differs. */
enum compare_only {
    COMPARE_ONLY_NOTHING, /* no such thing */
    COMPARE_ONLY_LINE_ENDS,
    COMPARE_ONLY_SPACE,
    COMPARE_ONLY_CASE,
    COMPARE_ONLY_SPACE_AND_CASE,
};

/* A place as an editor shows it, both from 1; columns are characters of UTF-8. */
struct compare_place {
    uint64_t line, column;
};

/* Negative errno where a file cannot be read, or has become shorter. */
int compare_sources(const struct compare_source *expected, const struct compare_source *got,
                    const struct jobs_compare *rules, struct compare_difference *ret);
/* Tells what alone differs of two that differ: without it they would be the same. */
int compare_why(const struct compare_source *expected, const struct compare_source *got,
                const struct jobs_compare *rules, enum compare_only *ret);
int compare_locate(const struct compare_source *s, uint64_t at, struct compare_place *ret);
/* Reads up to `want` bytes at `at`; less at the end. */
int compare_read(const struct compare_source *s, uint64_t at, char *buf, size_t want,
                 size_t *ret_n);
bool compare_is_space(int c);
