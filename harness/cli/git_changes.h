/* SPDX-License-Identifier: Apache-2.0 */
/* git_changes: files that have changed, and which of a checkout are not as a commit has them. Which
 * commit is checked out is read from .git without git (jobs/expand/git.c); this needs the index,
 * trees and ignore rules of git, so it is git that is asked. */
#pragma once

#include "base/base.h"

struct git_changes {
    char *top; /* the checkout's directory, without links; "/" for what did not come from git */
    /* below it; one that ends in '/' is a directory with all that is in it: a repository in the
     * checkout that git does not look into */
    char **paths;
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
/* Whether any of them may be among what the pattern stands for: `*`, `?`, `[...]`, `**`. */
bool git_changes_match(const struct git_changes *c, const char *pattern);
/* Adds one; takes `path` over. */
void git_changes_add(struct git_changes *c, char *path);
