/* SPDX-License-Identifier: Apache-2.0 */
/* make_context: private to sandbox; the slot's side of init_context.h. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct init_context;

/* Makes a context in which everything is empty. */
void context_make(struct init_context *ctx, const struct jobs_job *job, enum sandbox_stdio stdio,
                  unsigned short rows, unsigned short columns);

/* Makes streams and the control socket, the job's ends in *ctx and the harness's in *job; pipes
 * belong to `id`. */
int streams_make(enum sandbox_stdio stdio, uint32_t id, const char *data, size_t len, int file,
                 struct init_context *ctx, struct sandbox_job *job);

/* Makes the environment, of which HOME, USER and LOGNAME are PID 1's to fill in. */
void context_set_env(struct init_context *ctx, const char *const *env);

/* Returns which of HOME, USER and LOGNAME it has none of, as bits in that order. */
uint32_t context_own_entries(const char *const *env);
/* Makes an empty standard input that the slot fills before the job goes. */
int streams_make_late(struct init_context *ctx, struct sandbox_job *job);

/* Closes and frees all that is the slot's. */
void context_free(struct init_context *ctx);

/* Finds where this program's own command line lies in memory, or NULL and 0. */
void context_find_arguments(char **ret, size_t *ret_len);
