/* SPDX-License-Identifier: Apache-2.0 */
/* hostname: private to sandbox; a job's name for itself, and its /etc. */
#pragma once

#include "harness/sandbox/init/init_context.h"

/* Gives the UTS namespace that we are in this name, and no domain. -EPERM: no way to. */
int hostname_set(const char *name);
setup_fn setup_etc;
