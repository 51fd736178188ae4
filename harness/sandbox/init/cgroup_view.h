/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_view: private to sandbox; see cgroup_view.c. */
#pragma once

#include "harness/sandbox/init/init_context.h"

/* Attaches what the slot gave, once /sys is there. */
int cgroup_view_attach(struct init_context *ctx);
