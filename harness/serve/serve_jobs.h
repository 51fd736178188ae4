/* SPDX-License-Identifier: Apache-2.0 */
/* serve_jobs: private to serve: batches of jobs: from a body to a batch (serve_request.c), and from
 * there to its results (serve_jobs.c). */
#pragma once

#include "harness/serve/serve_state.h"

/* Makes a batch of what was posted, or says what is wrong with it. `name` is what a single job is
 * called. */
int serve_request_read(struct server *s, uid_t uid, const char *body, size_t len, const char *name,
                       struct serve_batch **ret, struct serve_refusal *why);
/* Whether so many jobs of this user may come now. */
int serve_request_admit(struct server *s, uid_t uid, size_t jobs, size_t bytes,
                        struct serve_refusal *why);
void serve_batch_free(struct server *s, struct serve_batch *b);

/* Takes it over: its jobs wait from now on. */
void serve_jobs_add(struct server *s, struct serve_batch *b);
struct serve_batch *serve_jobs_find(struct server *s, uint64_t id);
/* Gives every idle slot a job, as long as there are any. */
void serve_jobs_dispatch(struct server *s);
/* Starts slot `number`, and watches it. */
int serve_jobs_open_slot(struct server *s, size_t number, struct cupel_error *err);
/* A slot has something to say, or is gone. */
void serve_jobs_on_slot(struct server *s, size_t number);
/* Cancels its jobs: those that wait are reported at once, those that run as they end. */
void serve_jobs_cancel(struct server *s, struct serve_batch *b, enum slot_order how,
                       const char *why);
/* Does so with those that wait alone. The batch may be gone then. */
void serve_jobs_cancel_waiting(struct server *s, struct serve_batch *b, const char *why);
/* Takes note that nobody will read its results any more. */
void serve_jobs_abandon(struct server *s, struct serve_batch *b);
/* Removes what is left of a batch that has ended, with its logs and artifacts. */
void serve_jobs_forget(struct server *s, struct serve_batch *b);
/* Keeps what ended batches have left within its bound. */
void serve_jobs_trim(struct server *s);
size_t serve_jobs_running(const struct server *s);
