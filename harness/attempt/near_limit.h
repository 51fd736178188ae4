/* SPDX-License-Identifier: Apache-2.0 */
/* near_limit: how far a time verdict may be the machine's doing. Pure. */
#pragma once

#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* A result at most NEAR_LIMIT_PERCENT from its time limit, on a machine under pressure: true, and
 * one phrase that says so and why. A job that was ended by its limit is always that near. */
#define NEAR_LIMIT_PERCENT 10u
bool near_limit_describe(const struct jobs_job *job, const struct attempt_facts *facts,
                         enum reports_verdict verdict, struct strbuf *ret);
