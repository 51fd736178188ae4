/* SPDX-License-Identifier: Apache-2.0 */
/* enforceable: private to prepare: whether this host can hold what the jobs of a run are to be held
 * to. */
#pragma once

#include "harness/prepare/prepare.h"

/* Refuses, with place, reason and remedy, the first limit or network that cannot be had; with
 * --best-effort a limit is noted in run.unenforced_set instead, which every report names. */
int enforceable_check(struct prepared *p, const struct run_options *o, struct cupel_error *err);
