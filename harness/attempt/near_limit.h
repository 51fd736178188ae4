/* SPDX-License-Identifier: Apache-2.0 */
/* near_limit: how far a time verdict may be the machine's doing. Pure. */
#pragma once

#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* A result at most LIMITS_NEAR_PERCENT from its time limit, on a machine under pressure: true, and
 * one phrase that says so and why. A job that was ended by its limit is always that near. */
bool near_limit_describe(const struct jobs_job *job, const struct attempt_facts *facts,
                         enum reports_verdict verdict, struct strbuf *ret);
/* Says what a job that passed used of its limit, if it was as near, whatever the machine did. */
bool near_limit_passed(const struct jobs_job *job, const struct attempt_facts *facts,
                       struct strbuf *ret);
