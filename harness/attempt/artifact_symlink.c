/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_symlink: see artifact_symlink.h. Nothing is followed and nothing looked up: a link is
 * judged by its text alone. */
#include "harness/attempt/artifact_symlink.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A ".." behind a name is refused: that name may be another link, from which it goes up elsewhere
 * than it seems. At the beginning it goes up from where the link lies, which is no link. What
 * follows are names, each of them a directory or again such a link, so that none leads out. */
bool artifact_symlink_stays(const char *target, size_t depth)
{
    size_t up = 0;
    bool named = false;

    if (*target == '/' || *target == '\0')
        return false;
    while (*target != '\0') {
        size_t n = strcspn(target, "/");

        if (n == 2 && target[0] == '.' && target[1] == '.') {
            if (named || ++up > depth)
                return false;
        } else if (n > 1 || (n == 1 && target[0] != '.')) {
            named = true;
        }
        target += n + (target[n] == '/');
    }
    return true;
}

bool artifact_symlink_read(int dir, const char *name, size_t depth,
                           char ret_target[static ARTIFACT_TARGET_SIZE], struct stat *ret_st,
                           const char **ret_why)
{
    ssize_t n = readlinkat(dir, name, ret_target, ARTIFACT_TARGET_SIZE);

    if (n < 0 || n == ARTIFACT_TARGET_SIZE || fstatat(dir, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISLNK(ret_st->st_mode)) {
        *ret_why = "cannot be read as a symbolic link; not copied";
        return false;
    }
    ret_target[n] = '\0';
    if (artifact_symlink_stays(ret_target, depth))
        return true;
    *ret_why = "is a symbolic link that leads out of the artifacts; not followed, not copied";
    return false;
}
