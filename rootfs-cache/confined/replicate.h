/* SPDX-License-Identifier: Apache-2.0 */
/* replicate: private to rootfs-cache. A file or directory made like another: what layers need when
 * they copy from one another. In the confined child: paths are of the tree that is being made,
 * whose directories it has made itself. */
#pragma once

#include "base/base.h"

#include <sys/stat.h>

/* What overlayfs takes for a deletion, and for a directory that hides those beneath (`userxattr`).
 */
#define LIKENESS_OPAQUE "user.overlay.opaque"
bool replicate_is_whiteout(const struct stat *st);
bool replicate_is_opaque(int dir);

/* Makes the file `to` with the content of `from`, shared with it where the file system can, with
 * its holes. */
int replicate_copy_file(int from, const char *to);
/* Owner, mode, attributes and times of `path` become those of st and, where it is not negative, of
 * the open `from`. */
int replicate_make(const char *path, const struct stat *st, int from);
