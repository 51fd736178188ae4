/* SPDX-License-Identifier: Apache-2.0 */
/* commit: from which state of the repository this program was built. */
#pragma once

/* The commit's hash, with "-dirty" where files were changed since; "" where that is not known.
 * Written at each build (base/commit.cmake). */
extern const char cupel_commit[];
