/* roots: private to supervisor: the root file systems of a run's jobs, ready in the cache. */
#pragma once

#include "harness/supervisor/prepare.h"

/* Makes run.roots ready, only those that a selected job uses; what a job leaves open, its image may say from then on. */
int roots_make(struct prepared *p, struct cupel_error *err);
/* Lets go of run.roots; what the cache may remove then is its own matter. */
void roots_release(struct run *run);
