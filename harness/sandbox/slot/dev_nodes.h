/* SPDX-License-Identifier: Apache-2.0 */
/* dev_nodes: private to sandbox; the /dev of one job. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Makes the /dev of one job with these devices, a detached tmpfs with its own nodes, or with empty
 * files to attach the host's to. */
int devices_mount(uint32_t id_base, uint32_t devices, bool nodes, int *ret_mount);
