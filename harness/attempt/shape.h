/* SPDX-License-Identifier: Apache-2.0 */
/* shape: what of a job its sandbox is made of. */
#pragma once

#include "harness/run/run.h"

/* Says whether a sandbox that was made for one of the two, and in which nothing has run yet, is as
 * good for the other: all is the same but what comes with GO (the command's words, its standard
 * input, limits of its groups and processes), and what the harness itself holds and judges. */
bool shape_is_same(const struct instance *a, const struct instance *b);
/* Says whether a sandbox can be made ahead for jobs of this shape at all: one step, and nothing of
 * the host that may change meanwhile but beneath `fixed`, a directory. */
bool shape_can_wait(const struct instance *in, const char *fixed);
/* Returns a number that jobs of the same shape share, and others most likely do not. */
uint64_t shape_mark(const struct instance *in);
