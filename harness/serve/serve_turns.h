/* SPDX-License-Identifier: Apache-2.0 */
/* serve_turns: private to serve: whose job is next. */
#pragma once

#include "harness/serve/serve_state.h"

/* The next batch that has a job to start: of the user whose turn was longest ago, and of this one's
 * the next in line. NULL: none. */
struct serve_batch *serve_turns_next(const struct server *s);
/* A job of that batch starts: its user has had a turn, and so has it. */
void serve_turns_take(struct server *s, const struct serve_batch *b);
