/* SPDX-License-Identifier: Apache-2.0 */
/* terminal: private to sandbox; a job's pseudo-terminal. */
#pragma once

#include "harness/sandbox/init/init_context.h"

/* Makes a new pseudo-terminal of the devpts whose root is `pts`, of this size, its user's side
 * owned by `uid`. */
int terminal_make(int pts, unsigned short rows, unsigned short columns, uint32_t uid,
                  int *ret_master, int *ret_slave);
setup_fn setup_terminal;
/* Makes it what it was, whatever an earlier step has done to it: modes, size, stopped output. By a
 * process of its session. */
int terminal_renew(const struct init_context *ctx);
