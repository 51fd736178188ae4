/* SPDX-License-Identifier: Apache-2.0 */
/* serve_kinds: private to serve: which kinds of jobs come, by the shape of their sandboxes, and how
 * many sandboxes of each are kept ready in slots that run nothing. */
#pragma once

#include "harness/serve/serve_state.h"

/* The kind of a job that says nothing: of it, sandboxes are ready before the first job comes. */
void serve_kinds_open(struct server *s);
void serve_kinds_close(struct server *s);
/* A job is about to start: notes its kind, and returns the mark of that; 0: of it, none can be
 * ready. */
uint64_t serve_kinds_note(struct server *s, const struct serve_batch *b, size_t i);
/* Takes an idle slot for a job of the kind of this mark. There is one. */
size_t serve_kinds_take(struct server *s, uint64_t mark);
/* A job of this kind has run: whether a sandbox was ready for it. */
void serve_kinds_ran(struct server *s, uint64_t mark, bool was_ready);
/* A slot with a sandbox of this kind died: no more are made until another such job comes. */
void serve_kinds_failed(struct server *s, uint64_t mark);
/* Has idle slots make what is missing, the kinds that were used last first. */
void serve_kinds_fill(struct server *s);
/* How many there are, of this kind or (0) of all. */
size_t serve_kinds_ready(const struct server *s, uint64_t mark);
