/* SPDX-License-Identifier: Apache-2.0 */
/* evidence: private to attempt: phrases for evidence that say what the job's surroundings and the
 * kernel did to it. Pure: facts become text. Decides no verdict (verdict.c). */
#pragma once

#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* Returns what the noun after this number ends in: "" of one, otherwise "s". */
const char *evidence_plural(uint64_t n);
/* Returns how many processes of the job's group the kernel took for want of memory. */
uint64_t evidence_oom_kills(const struct attempt_facts *facts);
/* The memory of what is around the job ran out: whose, and what to do. Of the verdict `error`. */
void evidence_around(const struct jobs_job *job, const struct attempt_facts *facts,
                     struct strbuf *b);
/* Whether forks were refused, and not by the job's own limit: true, and a phrase that says by
 * whose. */
bool evidence_refused_around(const struct jobs_job *job, const struct attempt_facts *facts,
                             struct strbuf *b);
/* Whether a time limit struck a job that had spent at least half of its time thrashing at its own
 * memory limit: then that is what ended it, and more time would not have helped. */
bool evidence_was_thrashing(const struct attempt_facts *facts);
void evidence_thrashing(const struct jobs_job *job, const struct attempt_facts *facts,
                        struct strbuf *b);
/* "; thrashing at it for 4.9 s, 1026 major faults": nothing where it did not. */
void evidence_add_thrashing(const struct attempt_facts *facts, struct strbuf *b);
/* Whether cupel itself stood still, or the machine slept, while the job ran: true, and a sentence
 * that says so. */
bool evidence_standstill(const struct attempt_facts *facts, struct strbuf *b);
/* A time limit passed meanwhile. Of the verdict `error`. */
void evidence_stood_still(const struct jobs_job *job, const struct attempt_facts *facts,
                          struct strbuf *b);
/* "; the kernel took `python3` (pid 7, 37 MiB of its own)": nothing where the kernel's log does not
 * say. */
void evidence_add_victim(const struct attempt_facts *facts, struct strbuf *b);
/* More instructions were executed than the limit. Of the verdict `cpu-limit`. */
void evidence_instructions(const struct jobs_job *job, const struct attempt_facts *facts,
                           struct strbuf *b);
/* Adds how many forks were refused, and by whose limit: nothing where none was. */
void evidence_add_refused_forks(const struct jobs_job *job, const struct attempt_facts *facts,
                                struct strbuf *b);
/* What a verdict about time has to say besides its limit, each phrase after "; ": refused forks and
 * what the groups around did. Nothing that was not seen. */
/* Adds who of a pair wrote last. */
void evidence_add_pair(const struct attempt_facts *f, struct strbuf *b);
void evidence_of_time(const struct jobs_job *job, const struct attempt_facts *facts,
                      struct strbuf *b);
