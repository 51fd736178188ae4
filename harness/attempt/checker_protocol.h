/* SPDX-License-Identifier: Apache-2.0 */
/* checker_protocol: what a checker's exit code and its words mean. Pure: no clock, no files. */
#pragma once

#include "harness/attempt/checked.h"
#include "harness/attempt/verdict.h"
#include "jobs/jobs.h"

/* What there is of a text; `text` NULL: nothing. It need not end in a NUL. */
struct checker_text {
    const char *text;
    size_t n;
};
/* What a checker that has ended by itself leaves behind. */
struct checker_words {
    int exit;
    struct checker_text out, err; /* what it printed, cut */
    /* files of its feedback directory */
    struct checker_text judge_message, team_message, score, multiplier;
};
/* Judges what it judged: REPORTS_PASSED, REPORTS_FAILED, or REPORTS_ERROR where it is at fault.
 * What is in *ret_checked is malloc'ed. */
void checker_protocol_judge(const struct jobs_checker *checker, const struct checker_words *words,
                            struct judgement *ret, struct checked *ret_checked);
/* Reads a decimal number that is not negative, of parts of REPORTS_SCORE_SCALE; false: it is none,
 * or more than CHECKED_SCORE_MAX. White space around it is passed over. */
bool checker_protocol_number(const char *text, size_t n, uint64_t *ret);
