/* SPDX-License-Identifier: Apache-2.0 */
/* first_aid: private to attempt: phrases for evidence that say to whoever wrote the program what is
 * likely the matter with it. Pure: facts become text, and nothing that was not seen. Decides no
 * verdict (verdict.c); what the job's surroundings did to it is told by evidence.c. */
#pragma once

#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* Says, after "; ", that a step never read its input. */
void first_aid_of_streams(const struct step_facts *step, struct strbuf *b);
/* Says what a step that a limit or a signal ended did with its streams; each phrase after "; ". */
void first_aid_of_ended(const struct jobs_job *job, const struct attempt_facts *facts, size_t step,
                        struct strbuf *b);
/* Names the stack that a program had which died of SIGSEGV, where its job does not say: recursion
 * without end, and large arrays on it, end so. Named, not blamed. */
void first_aid_of_stack(const struct jobs_job *job, const struct attempt_facts *facts, int status,
                        struct strbuf *b);
/* Says how long a job was at its memory limit that did not thrash at it, where that was for long.
 */
void first_aid_of_memory(const struct attempt_facts *facts, struct strbuf *b);
