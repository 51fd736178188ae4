/* SPDX-License-Identifier: Apache-2.0 */
/* dontfork: private to sandbox; libraries that no child gets. */
#pragma once

#include <stdbool.h>

/* Leaves the libraries that only the harness uses out of what is forked from here on, or no more
 * (`leave` false), for a child that is the harness's own. */
void dontfork_libraries(bool leave);
