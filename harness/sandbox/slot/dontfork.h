/* SPDX-License-Identifier: Apache-2.0 */
/* dontfork: private to sandbox; libraries that no child gets. */
#pragma once

/* Leaves the libraries that only the harness uses out of what is forked from here on. */
void dontfork_libraries(void);
