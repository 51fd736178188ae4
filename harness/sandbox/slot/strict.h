/* SPDX-License-Identifier: Apache-2.0 */
/* strict: private to sandbox; what `seccomp: strict` allows. */
#pragma once

#include <stddef.h>

extern const char *const strict_calls[];
extern const size_t strict_calls_count;
