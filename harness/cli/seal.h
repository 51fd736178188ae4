/* SPDX-License-Identifier: Apache-2.0 */
/* seal: private to cli. */
#pragma once

/* Makes the sealed copy the running program; negative where that is refused, and then this program
 * runs on as before, and may execute the copy. */
int seal_in_place(int copy);
