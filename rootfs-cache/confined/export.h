/* SPDX-License-Identifier: Apache-2.0 */
/* export: private to rootfs-cache. A tree becomes a tar. */
#pragma once

#include "base/base.h"

/* Writes the tree as a tar (pax, sorted by name) to fd, in a confined child. `keep` as for
 * child_work. */
int export_tree_to(int tree, int fd, int keep, const char *what, struct cupel_error *err);
