/* SPDX-License-Identifier: Apache-2.0 */
/* disk_ahead: private to sandbox; takes over, in the slot, a disk that was made ahead. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct upper;

/* Waits for what comes by the socket of sandbox_disk_ahead_socket, which is closed. NULL: there is
 * none to be had. -ECANCELED: `cancel` (-EBADF: none) could be read first. */
int disk_ahead_receive(int *socket, int cancel, struct upper **ret);
