/* SPDX-License-Identifier: Apache-2.0 */
/* tampered: private to rootfs-cache. Which files of a damaged layer somebody has changed. */
#pragma once

#include "rootfs-cache/cache.h"

/* "/etc/passwd, /bin and 3 more" (malloc'ed): what the file system says was changed after `since`,
 * as nobody changes a layer that is finished. NULL: nothing (then it is the disk), or all of it
 * (then the store was copied, and it means nothing). */
char *tampered_since(int tree, int keep, const struct timespec *since);
