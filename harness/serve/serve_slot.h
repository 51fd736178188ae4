/* SPDX-License-Identifier: Apache-2.0 */
/* serve_slot: private to serve: a slot that gets its jobs as text, one after the other. */
#pragma once

#include "harness/serve/serve_state.h"

/* Forks slot `number`; the child never returns. */
int serve_slot_start(struct server *s, size_t number, struct cupel_error *err);
/* Makes the instance of a job over the run's roots; `log_name` lives as long as the plan. */
struct instance serve_slot_instance(const struct jobs_plan *plan, size_t index, uint64_t batch);
/* Says whether a path lies beneath a directory of --files; *ret_length is how much of it names the
 * longest such directory. */
bool serve_slot_may_read(const struct server *s, const char *path, size_t *ret_length);
/* Lets the paths of inputs be followed only as far as the server has said. */
void serve_slot_bind_paths(const struct server *s, struct jobs_plan *plan);
