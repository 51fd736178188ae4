/* SPDX-License-Identifier: Apache-2.0 */
/* host_state: which machine this is, and what of its own root a job over it can notice. */
#pragma once

#include "base/base.h"

/* Appends what tells that packages were installed, removed or changed since, and programs or
 * libraries put beside them. A file that somebody has written over in place, deep below, is not
 * noticed. */
void host_state_of_root(struct strbuf *to);
/* Appends what the machine's processors are called, by which times of theirs compare. */
void host_state_of_processor(struct strbuf *to);
