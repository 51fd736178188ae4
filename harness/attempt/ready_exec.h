/* SPDX-License-Identifier: Apache-2.0 */
/* ready_exec: private to attempt: the command that finds out whether a service is ready, in that
 * service's sandbox. */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Starts it, and tells ready_asks. */
void ready_exec(struct attempt *a);
