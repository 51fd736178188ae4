/* SPDX-License-Identifier: Apache-2.0 */
/* handins_kept: private to ingest: what was made of an archive, as a later run finds it: the
 * list of submissions lies beside their directories, in a directory that is nobody else's. */
#pragma once

#include "ingest/handins.h"

/* Writes the list into the directory. */
int handins_kept_write(int dir, const struct handins *s);
/* Reads the list of the directory `name`; false: it is not there, or not whole. Paths are not in
 * it. */
bool handins_kept_read(int below, const char *name, struct handins *to);
/* Gives a directory and all that is in it to a user. Nothing in it is a link. 0, or -1 with
 * errno. */
int handins_kept_give(int dir, uid_t uid, gid_t gid);
