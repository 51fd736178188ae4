/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_cause: private to attempt: what struck a job, as a verdict and its sentence. Pure. A job
 * that nothing struck is judged by its steps (verdict.c). */
#pragma once

#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* Returns the verdict of a job that `cause` has ended. `cause` is none but CAUSE_NONE. */
enum reports_verdict verdict_of_cause(enum attempt_cause cause, const struct attempt_facts *facts);
/* Appends the evidence of that verdict. */
void verdict_say_cause(enum attempt_cause cause, const struct jobs_job *job,
                       const struct attempt_facts *facts, struct strbuf *b);
