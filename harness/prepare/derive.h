/* SPDX-License-Identifier: Apache-2.0 */
/* derive: private to prepare: the derived roots of a run (`from` + `run`). */
#pragma once

#include "harness/prepare/prepare.h"

/* Makes those of run.roots ready that a selected job uses and that are derived from others; what
 * the store does not have is built, in a sandbox as jobs have it, one after the other. Everything
 * else that jobs need is there by now. A command that fails is CUPEL_ERROR_INPUT, and the end of
 * what it printed is on the screen. */
int derive_roots(struct prepared *p, struct cupel_error *err);
