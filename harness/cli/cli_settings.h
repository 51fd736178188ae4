/* SPDX-License-Identifier: Apache-2.0 */
/* cli_settings: the configuration file of whoever calls: where it lies, and what of it is in force.
 */
#pragma once

#include "jobs/jobs.h"
#include "rootfs-cache/cache.h"

/* Reads it, if there is one; every problem is printed. *ret_file (may be NULL): its path,
 * malloc'ed, or NULL where there can be none. */
int settings_load(struct jobs_settings *ret, char **ret_file, struct cupel_error *err);
/* Applies the configuration file before anything opens the store: the path that it says becomes
 * CUPEL_CACHE, unless that is set. Returns 0, or the exit code. */
int settings_apply(void);
/* Removes what the store's limits do not let stay, after it may have grown, and says so in one
 * line. Never fails: what it cannot do is a warning. `cache` may be NULL: it is opened. */
void settings_collect(struct cache *cache);
