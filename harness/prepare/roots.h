/* SPDX-License-Identifier: Apache-2.0 */
/* roots: the root file systems of a run's jobs, ready in the cache. Private to prepare, except
 * the first three functions. */
#pragma once

#include "harness/prepare/prepare.h"

/* What the job file says of a root that is not derived, for cache_prepare. Borrows from the root.
 */
struct cache_source roots_source(const struct jobs_root *root);
/* Makes it ready; with a lock file, only as it is locked. */
int roots_prepare(struct cache *cache, const struct jobs_root *root,
                  const struct cache_lockfile *lockfile, struct cache_root *ret_root,
                  struct cupel_error *err);
/* Completes the run's jobs by what the images of their roots say of processes: what the job file
 * leaves open. */
int roots_take_image_defaults(const struct run *run, struct cupel_error *err);

/* Makes run.roots ready, only those that a selected job uses, and of derived ones what they start
 * from; with options->locked only as they are locked. What a job leaves open, its image may say
 * from then on. */
int roots_make(const struct run_options *options, struct prepared *p, struct cupel_error *err);
/* Shows it; without a console as lines on standard error, without the figures. */
void roots_tell(struct reports_console *console, const struct cache_progress *progress);
/* Lets go of run.roots and the lock files; what the cache may remove then is its own matter. */
void roots_release(struct prepared *p);
