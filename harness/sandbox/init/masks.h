/* SPDX-License-Identifier: Apache-2.0 */
/* masks: private to sandbox; what of /proc and /sys no job sees or changes. */
#pragma once

#include "harness/sandbox/init/init_context.h"

setup_fn setup_proc_masks;

/* Hides of /sys, once it is attached, what is to be hidden. */
int masks_put_on_sys(struct init_context *ctx);
