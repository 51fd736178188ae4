/* SPDX-License-Identifier: Apache-2.0 */
/* stage_mask: private to sandbox; what hides parts of the host's root. */
#pragma once

#include <stdint.h>

/* Makes a detached tmpfs with the two layers that hide. */
int mask_mount(int layer, uint32_t id_base, int *ret_mount);
