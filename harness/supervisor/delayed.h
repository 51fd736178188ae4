/* SPDX-License-Identifier: Apache-2.0 */
/* delayed: private to supervisor: jobs that wait for their `retry-delay` before they are run again.
 */
#pragma once

#include "harness/supervisor/supervisor_state.h"

/* The instance has ended, and is to be run again after so long. */
void delayed_add(struct supervisor *s, size_t instance, uint64_t delay_ns);
/* Lets those go whose time has come; when the timer `s->retries` says so. */
void delayed_release(struct supervisor *s);
