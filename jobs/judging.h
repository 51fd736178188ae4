/* SPDX-License-Identifier: Apache-2.0 */
/* judging: a program that judges what a job does, and how it says what it finds. */
#pragma once

#include "base/base.h"

struct jobs_job;

/* How a program that judges says what it finds. */
enum jobs_protocol {
    JOBS_PROTOCOL_KATTIS,
    JOBS_PROTOCOL_TESTLIB,
    JOBS_PROTOCOL_EXIT,
    JOBS_PROTOCOL_CMS, /* of checkers alone */
};
/* What an exit code of it means. */
enum jobs_checked {
    JOBS_CHECKED_NOTHING, /* nothing that is known: it is at fault */
    JOBS_CHECKED_RIGHT,
    JOBS_CHECKED_WRONG,
    JOBS_CHECKED_PRESENTATION, /* wrong in form */
    JOBS_CHECKED_FAIL,         /* it says itself that it, or the answer, is at fault */
    JOBS_CHECKED_DIRT,         /* wrong by what follows what is right */
    JOBS_CHECKED_POINTS,       /* right in part, or wholly: it says how far */
    JOBS_CHECKED_UNEXPECTED_END,
    JOBS_CHECKED_COUNT,
};
/* Where a checker finds what it judges: input, output and answer, and a directory for its words. */
#define JOBS_CHECKER_DIR "/run/checker"
#define JOBS_CHECKER_INPUT JOBS_CHECKER_DIR "/input"
#define JOBS_CHECKER_OUTPUT JOBS_CHECKER_DIR "/output"
#define JOBS_CHECKER_ANSWER JOBS_CHECKER_DIR "/answer"
#define JOBS_CHECKER_FEEDBACK JOBS_CHECKER_DIR "/feedback"
/* How much output it is given where no limit says so, in bytes. */
#define JOBS_CHECKED_MAX (UINT64_C(8) << 20)
/* The same, of one that talks with the job: it has that much room to keep all of it. */
#define JOBS_TALKED_MAX (UINT64_C(64) << 20)
/* Where one that talks with the job may write what testlib calls its output. */
#define JOBS_CHECKER_LOG JOBS_CHECKER_FEEDBACK "/output"
#define JOBS_TRANSCRIPT_MAX ((uint64_t)64 << 20)
/* A program that judges what a job wrote, once that is over; or, `interactive`, one that runs
 * beside the job, each of which reads what the other writes. */
struct jobs_checker {
    /* what runs: none of plan->jobs, and named "JOB.checker", or "JOB.interactor" */
    struct jobs_job *job;
    uint64_t transcript; /* how much of what the two say is kept, bytes; 0: nothing */
    enum jobs_protocol protocol;
    uint8_t meaning[256]; /* enum jobs_checked, by exit code */
    bool has_root;        /* the file says it; else it has the job's */
    bool interactive;
    int line;
};
/* How it is called in what is said of it. */
static inline const char *jobs_checker_word(const struct jobs_checker *c)
{
    return c->interactive ? "interactor" : "checker";
}
