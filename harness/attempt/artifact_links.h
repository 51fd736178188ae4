/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_links: private to attempt: which file of the job was copied already, so that its other
 * names become names of the copy. No path is remembered, however long a job makes them: each copy
 * that may get more names has one in a directory aside, a number, until the end. */
#pragma once

#include "reports/reports.h"

#include <sys/stat.h>

struct artifact_links;
/* The directory aside is made in `out` when it is needed, under a name that no job can foresee. */
struct artifact_links *artifact_links_new(int out);
/* Removes it. */
void artifact_links_free(struct artifact_links *l);
/* Gives the copy of the file of `st` the name `name` in `dir`, and tells its digest. -ENOENT: there
 * is none yet; -EXDEV: there is, but the file system has no hard links; -EMLINK: it can have no
 * more. */
int artifact_links_use(struct artifact_links *l, const struct stat *st, int dir, const char *name,
                       struct reports_file *ret);
/* Remembers `name` as the copy of this file from now on, and its digest. False: there are more such
 * files than can be kept track of. */
bool artifact_links_keep(struct artifact_links *l, const struct stat *st, int dir, const char *name,
                         const struct reports_file *file);
