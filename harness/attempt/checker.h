/* SPDX-License-Identifier: Apache-2.0 */
/* checker: private to attempt: a job's checker, from the point of view of the job's slot. A process
 * of its own runs it, the slot's child, as a slot runs a job (checker_process.c): once the job is
 * over, in a sandbox that has nothing of the job's but copies of its input and output. */
#pragma once

#include "base/base.h"

struct attempt;
struct attempt_result;
struct checker;
struct run;
struct step_facts;

/* What a step wrote: `len` bytes of the file from `from` on. */
struct checker_output {
    bool known;
    int fd; /* -EBADF: it wrote nothing */
    uint64_t from, len;
};

/* Starts the process that runs the checkers of a slot's jobs, before the slot has anything open
 * that is its own but `orders`. NULL: no job of the run has one, or it cannot be started. */
struct checker *checker_open(const struct run *run, unsigned slot, int orders);
void checker_close(struct checker *c);
/* Whether that process has died, or could not be started again. False of NULL. */
bool checker_is_gone(struct checker *c);
/* Starts it again where it has; between two jobs, when nothing of one is open that it would hold
 * as well. */
void checker_revive(struct checker *c);
/* Remembers what the last step wrote, while that is where the facts say. */
void checker_take_output(struct attempt *a, const struct step_facts *last);
/* Has the job's checker judge it, if it has one and everything else of the job is as expected; the
 * facts, and the verdict, are then what it says. */
void checker_ask(struct attempt *a, struct attempt_result *ret);
