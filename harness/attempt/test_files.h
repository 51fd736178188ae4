/* SPDX-License-Identifier: Apache-2.0 */
/* test_files: private to attempt: which files of a finished job patterns name. */
#pragma once

#include "base/base.h"

#define TEST_FILES_MAX 256
#define TEST_FILES_DEPTH_MAX 64 /* directories, from the root on */

/* Lists the regular files beneath `root` that match, as paths below it, in the order of their
 * names; relative patterns are below `workdir`; no link is followed. *ret_unmatched, or NULL, is
 * the first pattern that matches none. Returns 0; -E2BIG: more than TEST_FILES_MAX match; -ELOOP:
 * some may, in directories that lie too deep; -ETIME: looking takes too long. */
int test_files_find(int root, const char *workdir, const char *const *patterns,
                    struct strings *ret_paths, const char **ret_unmatched);
