/* SPDX-License-Identifier: Apache-2.0 */
/* expect_regex: private to attempt. */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Checks what step `step` wrote against what is expected of it, as far as it did not differ before:
 * byte for byte (expect.c), and against a regular expression. What differs is in its facts; an
 * error is the harness's. */
int attempt_expect(struct attempt *a, size_t step, struct cupel_error *err);
