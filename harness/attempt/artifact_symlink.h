/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_symlink: private to attempt: which symbolic links of a job may lie among its artifacts:
 * those that lead to nothing outside of them, whoever follows them and whatever other links are
 * there. */
#pragma once

#include "base/base.h"

#include <sys/stat.h>

#define ARTIFACT_TARGET_SIZE 4096
/* Whether a link that lies `depth` directories below the top leads to nothing above it: it is
 * relative, goes up no further than that, and only at its beginning. */
bool artifact_symlink_stays(const char *target, size_t depth);
/* Reads the link `name` in `dir`. False: it cannot be copied, and *ret_why, a text that follows its
 * name, says why. */
bool artifact_symlink_read(int dir, const char *name, size_t depth,
                           char ret_target[static ARTIFACT_TARGET_SIZE], struct stat *ret_st,
                           const char **ret_why);
