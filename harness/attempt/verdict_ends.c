/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_ends: what a job's file says of a verdict: whether the job may end so, and whether it is
 * run again then. */
#include "harness/attempt/verdict.h"

/* Verdicts that a job file can name as an end of a job's. */
static const struct {
    bool is_bad_end;
    enum jobs_bad_end end;
} bad_ends[REPORTS_VERDICT_COUNT] = {
    [REPORTS_FAILED] = {true, JOBS_END_FAILED},
    [REPORTS_SIGNALED] = {true, JOBS_END_SIGNALED},
    [REPORTS_TIMEOUT] = {true, JOBS_END_TIMEOUT},
    [REPORTS_CPU_LIMIT] = {true, JOBS_END_CPU_LIMIT},
    [REPORTS_MEMORY_LIMIT] = {true, JOBS_END_MEMORY_LIMIT},
    [REPORTS_PIDS_LIMIT] = {true, JOBS_END_PIDS_LIMIT},
    [REPORTS_DISK_LIMIT] = {true, JOBS_END_DISK_LIMIT},
    [REPORTS_OUTPUT_LIMIT] = {true, JOBS_END_OUTPUT_LIMIT},
    [REPORTS_INVALID_SUBMISSION] = {true, JOBS_END_INVALID_SUBMISSION},
    [REPORTS_COMPILE_ERROR] = {true, JOBS_END_COMPILE_ERROR},
};

bool verdict_is_bad_end(enum reports_verdict verdict)
{
    return verdict < REPORTS_VERDICT_COUNT && bad_ends[verdict].is_bad_end;
}

static bool is_one_of(const struct jobs_ends *meant, enum reports_verdict verdict, int exit)
{
    if (!verdict_is_bad_end(verdict))
        return false;
    if (verdict == REPORTS_FAILED && exit >= 0 && exit < 256 &&
        ((meant->exits[exit / 64] >> (exit % 64)) & 1u) != 0)
        return true;
    return (meant->verdicts >> bad_ends[verdict].end) & 1u;
}

bool verdict_is_allowed(const struct jobs_job *job, enum reports_verdict verdict, int exit)
{
    return is_one_of(&job->allowed, verdict, exit);
}

bool verdict_is_retried(const struct jobs_job *job, enum reports_verdict verdict, int exit)
{
    enum jobs_retry kind = JOBS_RETRY_FAILURE;

    switch (verdict) {
    case REPORTS_PASSED:
    case REPORTS_SKIPPED:
    case REPORTS_CANCELLED:
    case REPORTS_NOT_RUN:
    case REPORTS_INVALID_SUBMISSION: /* it would be refused again */
    case REPORTS_VERDICT_COUNT:
        return false;
    case REPORTS_TIMEOUT:
    case REPORTS_CPU_LIMIT:
        kind = JOBS_RETRY_TIMEOUT;
        break;
    case REPORTS_ERROR:
        kind = JOBS_RETRY_ERROR;
        break;
    case REPORTS_FAILED:
    case REPORTS_SIGNALED:
    case REPORTS_MEMORY_LIMIT:
    case REPORTS_PIDS_LIMIT:
    case REPORTS_DISK_LIMIT:
    case REPORTS_OUTPUT_LIMIT:
    case REPORTS_COMPILE_ERROR:
        break;
    }
    return ((job->retry_on >> kind) & 1u) != 0 || is_one_of(&job->retry_ends, verdict, exit);
}
