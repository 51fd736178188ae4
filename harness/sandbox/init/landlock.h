/* SPDX-License-Identifier: Apache-2.0 */
/* landlock: private to sandbox; the second wall around a command. */
#pragma once

struct init_context;

/* Returns what the kernel has of Landlock: its ABI, or 0. */
int landlock_abi(void);

/* Puts the calling process and all that it starts into a domain of their own; nothing where there
 * is no Landlock. */
int landlock_restrict(const struct init_context *ctx);
