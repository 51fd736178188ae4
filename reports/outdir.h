/* SPDX-License-Identifier: Apache-2.0 */
/* outdir: how the directory of --out is found, recognised as cupel's own, and what is made in it.
 * Private to reports/. */
#pragma once

#include "base/base.h"

#include <sys/stat.h>

/* Who owns what is made in it: the caller of sudo(8), or nobody in particular. */
struct outdir_owner {
    bool set;
    uid_t uid;
    gid_t gid;
};

/* Opens `path`, making it and its parents, and claims it: a directory that is neither empty nor
 * cupel's own is refused. Nothing in it is followed or opened that is not what cupel would have
 * made there. What it makes from here on belongs to *ret_owner. */
int outdir_open(const char *path, int *ret_fd, struct outdir_owner *ret_owner,
                struct cupel_error *err);

/* The same of a directory in which nothing is, and which gets no mark. */
int outdir_open_empty(const char *path, int *ret_fd, struct outdir_owner *ret_owner,
                      struct cupel_error *err);

/* Gives what is open to the owner. */
int outdir_give(const struct outdir_owner *owner, int fd);

/* Opens the directory `name` beneath `dir`, making it. -ENOTDIR, or -ELOOP for a link, where
 * something else has that name. */
int outdir_open_sub(int dir, const char *name, const struct outdir_owner *owner);

/* Makes a plain file anew: what has that name, if it is no directory, is unlinked, so that nobody's
 * other name of it, nor what it leads to, is touched. `flags` as open(2). */
int outdir_make_file(int dir, const char *name, int flags, const struct outdir_owner *owner);

/* Whether an open directory has cupel's mark in it. */
bool outdir_is_marked(int fd);

/* *err from an errno of something in the out directory `path`, with the hint that fits. Returns
 * -errnum. */
int outdir_fail(const char *path, const char *what, int errnum, struct cupel_error *err);

#define OUTDIR_JUNIT "junit.xml"
#define OUTDIR_JUNIT_ASIDE "junit.xml.tmp"
#define OUTDIR_JSONL "results.jsonl"
#define OUTDIR_EARLIER "earlier.jsonl"
#define OUTDIR_EARLIER_ASIDE "earlier.jsonl.tmp"
#define OUTDIR_LOCK ".lock"
#define OUTDIR_LOGS "logs"
#define OUTDIR_ARTIFACTS "artifacts"
