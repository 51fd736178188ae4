/* SPDX-License-Identifier: Apache-2.0 */
/* weaken: takes walls away, so that the hostile suite can be seen to notice (docs/selftest.md), and
 * makes steps fail, so that tests see what becomes of that.
 * Only in a build with CUPEL_FAULT_INJECTION, never in a release: there it is a constant that the
 * compiler drops. Above all rooms, since the walls are in several; usable between clone and exec.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef CUPEL_FAULT_INJECTION
/* Whether CUPEL_WEAKEN, a list with commas, has this wall. */
bool weakened(const char *wall);
/* Whether CUPEL_FAULT names this step. */
bool fault_wanted(const char *step);
#else
#define weakened(wall) false
#define fault_wanted(step) false
#endif
