/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp: private to sandbox; a compiled filter as the kernel takes it. */
#pragma once

#include "harness/sandbox/sandbox.h"

#include <linux/filter.h>

/* Gives the program, and whether it is known to let through
 * what a held command does: read(2) and prlimit(2). */
int filter_program(const struct sandbox_filter *filter, struct sock_fprog *ret,
                   bool *ret_lets_wait);
