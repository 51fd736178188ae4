/* SPDX-License-Identifier: Apache-2.0 */
/* git_changes: which files of a checkout are not as a commit has them. Which commit is checked out
 * is read from .git without git (jobs/expand/git.c); this needs the index, trees and ignore rules
 * of git, so it is git that is asked. */
#pragma once

#include "base/base.h"

struct git_changes {
    char *top;    /* the checkout's directory, without links */
    char **paths; /* below it; that of a repository in it that git does not look into ends in '/' */
    size_t n;
};

/* Compares the checkout that `dir` is in with `ref`: what differs in the files that git knows, and
 * files that it does not know and is not told to ignore. The repository may be anybody's: nothing
 * that its configuration names is run. */
int git_changes_find(const char *dir, const char *ref, struct git_changes *ret,
                     struct cupel_error *err);
void git_changes_free(struct git_changes *c);
/* Whether the file or directory at this path, or anything below it, is one of them. */
bool git_changes_touch(const struct git_changes *c, const char *path);
