/* SPDX-License-Identifier: Apache-2.0 */
/* expand: what a job file says once and means many times is written out: the stage between reading
 * YAML and reading keys. See docs/internals.md, "Expansion". Private to jobs/. */
#pragma once

#include "jobs/expand/host.h"
#include "jobs/load.h"

/* Writes out the tree of a job file, in place: parameters, the instances of each matrix, and `${{
 * }}` wherever text stands. Fills l->instances and plan->groups where there is a matrix. Problems
 * are noted; what they are about is then left bad, so that nothing more is said of it. */
void expand(struct loader *l, struct node *root);
/* Takes the tree over for jobs_describe, where anybody asks for that. */
void expanded_keep(struct loader *l, const struct node *root);
/* Whether it is a variable that `parallel` sets: no matrix may have it for a key. */
bool shards_have(const char *name);
