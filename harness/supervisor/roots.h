/* roots: the root file systems of a run's jobs, ready in the cache. Private to supervisor, but for the first function. */
#pragma once

#include "harness/supervisor/prepare.h"

/* What the job file says of a root, for cache_prepare. Borrows from the root. */
struct cache_source roots_source(const struct jobs_root *root);

/* Makes run.roots ready, only those that a selected job uses; what a job leaves open, its image may say from then on. */
int roots_make(struct prepared *p, struct cupel_error *err);
/* Lets go of run.roots; what the cache may remove then is its own matter. */
void roots_release(struct run *run);
