/* SPDX-License-Identifier: Apache-2.0 */
/* named: submissions that the caller names in place of what a matrix finds. Private to
 * jobs/expand/. */
#pragma once

#include "jobs/load.h"

/* Finds the key of a matrix by which the jobs with `cases` tell submissions apart, and has the
 * caller's take the place of what it finds (l->named). Called when what jobs extend is in them. */
void named_find(struct loader *l, const struct node *jobs);
