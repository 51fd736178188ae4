/* SPDX-License-Identifier: Apache-2.0 */
/* ingest: what a job wrote of its own tests becomes test cases (reports/tests.h). Every byte of it
 * is hostile: it is read by a confined child (rootfs-cache/confined/child.h), with bounds, and what
 * that answers is checked by who asks. Not responsible for which files are read, nor for what they
 * mean for the job (attempt/own_tests.c). */
#pragma once

#include "base/pcre.h"
#include "reports/tests.h"

enum ingest_format { INGEST_JUNIT, INGEST_TAP, INGEST_CTRF, INGEST_FORMAT_COUNT };

/* How large one file may be. */
#define INGEST_FILE_MAX ((uint64_t)32 << 20)

/* What says how much of a program its tests have covered. */
enum ingest_coverage_kind { INGEST_COVERAGE_OUTPUT, INGEST_COVERAGE_COBERTURA };
int ingest_coverage_load(enum ingest_coverage_kind kind, struct cupel_error *err);
/* Reads it, as ingest_read does. `pattern` is that of a job's output. *ret_milli: thousandths of a
 * percent. Returns 1; 0: nothing says so; or an error. */
int ingest_coverage_read(enum ingest_coverage_kind kind, int fd, const char *pattern, int nowhere,
                         uint32_t *ret_milli, struct cupel_error *err);

/* What became of an output that was matched with a regular expression (base/pcre.h). */
enum ingest_match {
    INGEST_MATCH,
    INGEST_MATCH_NOT,
    INGEST_MATCH_STEPS,  /* it gave up after INGEST_MATCH_STEPS_MAX */
    INGEST_MATCH_MEMORY, /* or at INGEST_MATCH_MEMORY_MAX */
    INGEST_MATCH_ENDED,  /* or its process did, at a bound of its own */
    INGEST_MATCH_COUNT,
};
/* How much output is looked at, and how long, in seconds of CPU. */
#define INGEST_MATCH_MAX ((uint64_t)16 << 20)
#define INGEST_MATCH_SECONDS 10
#define INGEST_MATCH_STEPS_MAX PCRE_STEPS_MAX
#define INGEST_MATCH_MEMORY_MAX PCRE_HEAP_MAX
int ingest_match_load(struct cupel_error *err);
/* Matches the next `length` bytes that `fd` gives, in a confined child. An error is the harness's;
 * whatever the output does is an outcome. */
int ingest_match_output(int fd, uint64_t length, const char *pattern, size_t pattern_length,
                        int nowhere, enum ingest_match *ret, struct cupel_error *err);

/* Loads what the readers need, while "/" is the host's. */
int ingest_load(enum ingest_format format, struct cupel_error *err);
/* Reads the file that `fd` is open on; `nowhere` is a directory in which there is nothing to see.
 * *ret_reply, malloc'ed, is records that say at least one case, or nothing that may be believed. An
 * error of the kind CUPEL_ERROR_INPUT is the file's, in words that follow its name. */
int ingest_read(enum ingest_format format, int fd, int nowhere, char **ret_reply,
                size_t *ret_length, struct cupel_error *err);
