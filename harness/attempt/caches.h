/* SPDX-License-Identifier: Apache-2.0 */
/* caches: what a job restores of earlier runs, and saves for later ones. */
#pragma once

#include "harness/attempt/attempt.h"

struct launch_session; /* launch.h, which needs this */

/* What an attempt has restored: held as long as its sandbox stands on it. */
struct caches;
/* Opens what the store has of the job's caches; in a session over what a kept job left, what that
 * one had. What is locked is waited for, but for a session: -ECANCELED where an order came
 * meanwhile. *ret stays as it is for a job that has no cache. */
int caches_restore(const struct attempt_context *ctx, const struct instance *instance,
                   const struct launch_session *session, struct caches **ret,
                   struct cupel_error *err);
/* Says whether the same would be restored now; takes NULL. */
bool caches_are_current(const struct caches *c);
/* Returns what goes into sandbox_request.cached; takes NULL. */
const struct sandbox_cached *caches_trees(const struct caches *c);
/* Says what it stands on, for sandbox_kept.caches (malloc'ed); NULL for NULL. */
char *caches_describe(const struct caches *c);
/* Appends the keys of those layers to those of a root (cache_root_keys); takes NULL. */
void caches_add_keys(const struct caches *c, struct strbuf *keys);
/* Notes, for the jobs that start from this one, what it stands on; takes NULL. From then on that is
 * needed until the run's end. */
int caches_note(struct caches *c, size_t number, struct cupel_error *err);
bool caches_are_needed(const struct caches *c);
/* Saves what is to be saved of a job that has been judged and reaped, and tells in its result what
 * became of each. What comes to nothing is a note. */
void caches_save(struct caches *c, struct attempt_context *ctx, const struct sandbox_job *sandbox,
                 struct attempt_result *result);
void caches_free(struct caches *c);
