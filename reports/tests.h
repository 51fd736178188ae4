/* SPDX-License-Identifier: Apache-2.0 */
/* tests: test cases that a job itself has reported, as bytes: what a confined reader writes, what a
 * slot and the supervisor hand on, and what the reports are made of. They are the job's word. A
 * record is a letter for what became of the case and, where the case is listed and not only
 * counted, its texts, each with its NUL. Not responsible for where they come from (ingest/). */
#pragma once

#include "base/base.h"

enum reports_test_outcome {
    REPORTS_TEST_PASSED,
    REPORTS_TEST_FAILED,
    REPORTS_TEST_ERROR, /* it could not be run to its end */
    REPORTS_TEST_SKIPPED,
    REPORTS_TEST_OUTCOME_COUNT,
};
/* "passed", "failed", "error", "skipped". */
const char *reports_test_outcome_name(enum reports_test_outcome o);

/* How long the texts of a case may be, in bytes; what is longer is cut. */
#define REPORTS_TEST_NAME_MAX ((size_t)512)
#define REPORTS_TEST_MESSAGE_MAX ((size_t)1024)
#define REPORTS_TEST_DETAILS_MAX ((size_t)4096)
#define REPORTS_TEST_NO_TIME UINT64_MAX
/* How many cases of a job are counted at most, and how many bytes of them are listed. */
#define REPORTS_TESTS_MAX ((uint64_t)1000000)
#define REPORTS_TESTS_BYTES ((size_t)1 << 20)
/* Of all records of a job, what says where they were read included. */
#define REPORTS_TESTS_LENGTH_MAX (REPORTS_TESTS_BYTES + ((size_t)256 << 10))
/* From here on, those that passed are only counted: room for the others. */
#define REPORTS_TESTS_PLENTY ((size_t)768 << 10)

struct reports_test_case {
    enum reports_test_outcome outcome;
    bool flaky;       /* passed, but not at its first attempt */
    bool counted;     /* only: it has no texts */
    uint64_t time_ns; /* or REPORTS_TEST_NO_TIME */
    uint32_t line;    /* in `file`; 0: not known */
    /* never NULL; "": none. Any bytes but NUL */
    const char *group, *name; /* group: its class, or its suite */
    const char *file;
    const char *message, *details;
};

/* Whether there is room to list a case of that outcome where so many bytes are there already. */
bool reports_tests_room(enum reports_test_outcome outcome, size_t bytes);
/* Adds a record; texts are cut to what they may have, between characters. */
void reports_tests_put(struct strbuf *to, const struct reports_test_case *c);
/* What follows was read in this file. */
void reports_tests_put_source(struct strbuf *to, const char *path);

/* Reads records. */
struct reports_test_cursor {
    const char *at, *end;
    const char *source; /* of the last case; "": not said */
};
/* 1: *ret is the next case, whose texts are the records' own; 0: there is none; -EBADMSG: it is no
 * record, or has more than it may. */
int reports_tests_next(struct reports_test_cursor *cursor, struct reports_test_case *ret);

/* What a job has reported in all. */
struct reports_tests {
    uint64_t all[REPORTS_TEST_OUTCOME_COUNT];    /* counted */
    uint64_t listed[REPORTS_TEST_OUTCOME_COUNT]; /* of these, with their texts */
    uint64_t flaky;
    uint32_t files;   /* that they were read from */
    const char *data; /* the records; NULL: `length` bytes in the out directory, from `at` */
    size_t length;
    uint64_t at;
};
uint64_t reports_tests_sum(const uint64_t counts[REPORTS_TEST_OUTCOME_COUNT]);
/* Counts the listed cases of the records; -EBADMSG where they are none, or only counted. */
int reports_tests_check(struct reports_tests *t);
