/* SPDX-License-Identifier: Apache-2.0 */
/* verdict: facts of an attempt become one verdict with one plain sentence of evidence. Pure: no
 * clock, no files. */
#pragma once

#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

struct judgement {
    enum reports_verdict verdict;
    char evidence[REPORTS_EVIDENCE_SIZE];
    int exit;
    int signal;
};
/* Judges the job as a whole. */
void verdict_of_job(const struct jobs_job *job, const struct attempt_facts *facts,
                    struct judgement *ret);
/* One step of it: what came after the step at fault is skipped. */
void verdict_of_step(const struct jobs_job *job, const struct attempt_facts *facts, size_t step,
                     const struct judgement *of_job, struct judgement *ret);
/* Whether the step did what was expected of it; the next one is only started then. */
bool verdict_step_passed(const struct jobs_job *job, const struct attempt_facts *facts,
                         size_t step);
/* Whether a job file can name this verdict as an end of a job's. */
bool verdict_is_bad_end(enum reports_verdict verdict);
/* Whether the job's file allows it to end so (`allow-failure`): no part of what the run is judged
 * by. */
bool verdict_is_allowed(const struct jobs_job *job, enum reports_verdict verdict, int exit);
/* Whether an attempt that ended so is one after which the job is to be run again, if it may be. */
bool verdict_is_retried(const struct jobs_job *job, enum reports_verdict verdict, int exit);
