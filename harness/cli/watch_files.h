/* SPDX-License-Identifier: Apache-2.0 */
/* watch_files: waits for changes of what jobs read, by inotify(7): files by the directory that they
 * are in, directories with all below them. */
#pragma once

#include "harness/cli/git_changes.h"

struct watch_files;
int watch_files_open(struct watch_files **ret, struct cupel_error *err);
void watch_files_close(struct watch_files *w);
/* Can be read when something has happened. */
int watch_files_fd(const struct watch_files *w);

/* Begins a new set, which has only what is added from here on. */
void watch_files_begin(struct watch_files *w);
/* Nothing below this directory counts. It need not be there. */
void watch_files_leave_out(struct watch_files *w, const char *path);
/* Adds a file, or a directory and all below it, now and later. It need not be there. Links are
 * followed to where they lead, below a directory they are not. */
void watch_files_add(struct watch_files *w, const char *path);
/* Adds what a pattern may stand for: that below the directory that it begins with. */
void watch_files_add_pattern(struct watch_files *w, const char *pattern);
/* Watches the set, and no longer what is not in it. What changes meanwhile is not missed. */
int watch_files_end(struct watch_files *w, struct cupel_error *err);

/* Takes what has happened. Returns whether any of that is a change of the set. */
bool watch_files_read(struct watch_files *w);
/* Adds what has changed since the last call, as paths below "/". What has come and gone in between
 * is none. *ret_lost: there was more than the kernel remembers. */
void watch_files_take(struct watch_files *w, struct git_changes *to, bool *ret_lost);
