/* SPDX-License-Identifier: Apache-2.0 */
/* idrange: the host ids that a slot maps its jobs' onto. */
#pragma once

#include "base/base.h"

/* The first id of the first range: between the container ranges of systemd-nspawn and the top of
 * the signed ids, where systemd's registry of uid ranges (docs/UIDS-GIDS.md of systemd) has
 * nothing: 0x70000000 .. 0x7ffdffff. */
#define IDRANGE_FIRST UINT32_C(0x70000000)

/* A range of host ids that no other slot on this machine has, held while the fd is open. */
int idrange_claim(uint32_t *ret_base, int *ret_lock, struct cupel_error *err);
