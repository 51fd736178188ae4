/* SPDX-License-Identifier: Apache-2.0 */
/* lend: private to sandbox; the host's devices, lent to the stage. */
#pragma once

#include "base/base.h"

struct sandbox_stage;

/* Makes those of the host's devices that jobs have /dev/NAME in the stage, without the host's
 * rights. */
int lend_devices(struct sandbox_stage *s, uint32_t devices, struct cupel_error *err);
