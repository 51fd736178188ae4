/* SPDX-License-Identifier: Apache-2.0 */
/* serve_roots: private to serve: the roots that are named on the command line, as a plan. */
#pragma once

#include "harness/serve/serve_state.h"

/* Makes s->roots, s->plan (a job for each root) and s->root_served. */
int serve_roots_plan(struct server *s, struct cupel_error *err);
