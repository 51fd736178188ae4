/* SPDX-License-Identifier: Apache-2.0 */
/* interaction: what becomes of a job and the program that talks with it, by who ended first and
 * with what. Pure: no clock, no files. */
#pragma once

#include "harness/attempt/facts.h"
#include "harness/attempt/verdict.h"

/* The end of one side, by CLOCK_MONOTONIC: it came at `ended_ns` at the latest, and not before
 * `sign_ns`, when it was first seen that it writes or reads no more. */
struct interaction_end {
    uint64_t sign_ns;  /* 0: as `ended_ns` */
    uint64_t ended_ns; /* 0: it never began */
};

struct interaction {
    struct interaction_end job, judge;
    bool outlived;        /* the job was seen alive when the judge had ended */
    bool lost;            /* the judge wrote to the job when that was gone */
    const char *too_long; /* why the judge was ended, when the job had; or NULL */
    struct judgement
        said; /* of the judge: REPORTS_PASSED, REPORTS_FAILED, or whatever is its fault */
};

/* Says whether the judge ended before the job did. Where the two ends overlap, that is by the first
 * signs of them: what one side does because the other has ended comes after the sign of that. Of
 * two at once, the job's is the first. */
bool interaction_judge_was_first(const struct interaction *i);
/* Finds what the judge's end makes of a job whose own end is worth `own`. */
void interaction_judge(const struct interaction *i, const struct judgement *own,
                       struct interactor_facts *ret);
