/* SPDX-License-Identifier: Apache-2.0 */
/* interactor: private to attempt: the program that talks with a job and judges it, from the point
 * of view of the job's slot. The slot's process for checkers runs it (checker_process.c), beside
 * the job, as the other of a pair (pair.h). */
#pragma once

#include "base/base.h"

struct attempt;
struct attempt_result;
struct checker;

/* Makes the memory that the slot and its process for checkers share, before that is forked; nothing
 * where no job of the run is interactive. */
int interactor_share(struct checker *c);
void interactor_unshare(struct checker *c);

/* Has it started, and joins the job to it, before the job is launched; nothing of a job without. */
int interactor_begin(struct attempt *a, struct cupel_error *err);
/* Readable once it has ended; -EBADF: nothing to wait for. */
int interactor_wait_for(const struct attempt *a);
/* Takes its result, once it has ended. */
void interactor_serve(struct attempt *a);
/* Looks, once it has ended, whether the job lives on, as soon as that has begun; and ends the job
 * where nothing that this does matters now. Nothing of any other job. */
void interactor_look(struct attempt *a);
/* Returns until when the job's slot waits for it, once the job is over: CLOCK_MONOTONIC, or
 * LIMITS_NEVER.
 */
uint64_t interactor_deadline(struct attempt *a);
/* Waits for its end; the facts and the verdict are then what comes of both. */
void interactor_ask(struct attempt *a, struct attempt_result *ret);
void interactor_free(struct attempt *a);
