/* SPDX-License-Identifier: Apache-2.0 */
/* tun: private to sandbox; the tun device that pasta opens. */
#pragma once

/* Gives this process, between fork and exec and by root, a mount namespace with a /dev/net/tun that
 * everybody may open. */
int tun_make_own(void);
