/* SPDX-License-Identifier: Apache-2.0 */
/* enforceable: private to prepare: whether this host can hold what the jobs of a run are to be held
 * to. */
#pragma once

#include "harness/prepare/prepare.h"

/* Refuses, with place, reason and remedy, the first limit or network that cannot be had; with
 * --best-effort a limit is noted in run.unenforced_set instead, and that there is no `cgroup-view`
 * in run.no_cgroup_view; every report names them. */
int enforceable_check(struct prepared *p, const struct run_options *o, struct cupel_error *err);
