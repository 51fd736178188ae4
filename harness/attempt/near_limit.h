/* near_limit: how far a time verdict may be the machine's doing. Pure. */
#pragma once

#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* A result at most TRUST_NEAR_PERCENT from its time limit, on a machine under pressure: true, and one phrase that says so and
 * why. A job that was ended by its limit is always that near. */
#define TRUST_NEAR_PERCENT 10u
bool trust_near_limit(const struct jobs_job *job, const struct attempt_facts *facts, enum reports_verdict verdict,
                      struct strbuf *ret);
