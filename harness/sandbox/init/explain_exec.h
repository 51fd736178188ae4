/* SPDX-License-Identifier: Apache-2.0 */
/* explain_exec: private to sandbox; why a program could not be executed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct init_context;

/* Says why the execve of this file failed so, as a phrase into `to`, which is left as it is where
 * there is no more to say than the number does. False: the file itself is not there. */
bool explain_exec(const char *path, int errnum, char *to, size_t size);

/* Returns how much memory this program of the job's takes before its first instruction, where that
 * is more than can be had; else 0. For one that died of a signal: the kernel has let go of the old
 * program before it finds out (load_elf_binary()). */
uint64_t explain_unmappable(const struct init_context *ctx, const char *name);
