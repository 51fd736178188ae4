/* SPDX-License-Identifier: Apache-2.0 */
/* git: what is checked out where the job file lies. Private to jobs/expand/. */
#pragma once

#include "base/base.h"

/* "commit": the hexadecimal digits of HEAD; "branch": the name of the branch that it is, "" where
 * it is none. Read from .git itself: git is not needed, and nothing of it is run. */
int git_checked_out(const char *dir, const char *what, struct arena *arena, const char **ret_text,
                    struct cupel_error *err);
