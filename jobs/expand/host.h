/* SPDX-License-Identifier: Apache-2.0 */
/* host: what an expansion may ask of the machine that the job file lies on. Private to jobs/. */
#pragma once

#include "base/base.h"
#include "jobs/expand/submission_files.h"
#include "jobs/jobs.h"

#define EXPAND_MATCHES_MAX 100000
#define EXPAND_TEXT_MAX ((size_t)4 * 1024 * 1024)

/* EXPAND_TESTS: files, and what stands in the place of one, which is refused. */
enum expand_kind { EXPAND_DIRS, EXPAND_FILES, EXPAND_TESTS };

/* What a pattern matches, or a directory on the way that whoever filled it has made unfit to be
 * looked into, or no file where each is to be judged by. */
struct expand_match {
    const char *path;
    const char *refused; /* why; NULL: it is a match */
    bool unread;         /* jobs_job.unread */
};

/* Where patterns are looked for. */
struct expand_where {
    const char *dir; /* absolute */
    /* directories that a pattern leads into by name alone; nothing that is in there counts else */
    const struct jobs_own_dir *own;
    size_t n_own;
};

/* All of it is relative to `dir`, an absolute path, and read only. 0, or a negative errno with
 * *err. Results live in the arena. */
struct expand_host {
    /* Paths that match, in the order of their bytes. A link may be among them; none is followed. */
    int (*match)(const struct expand_where *where, const char *pattern, enum expand_kind kind,
                 struct arena *arena, struct expand_match **ret_matches, size_t *ret_n,
                 struct cupel_error *err);
    /* The absolute path, without links, of a regular file that can be opened. */
    int (*locate)(const char *dir, const char *path, struct arena *arena, const char **ret_path,
                  struct cupel_error *err);
    /* A regular file's text of at most EXPAND_TEXT_MAX bytes. */
    int (*read)(const char *dir, const char *path, struct arena *arena, const char **ret_text,
                size_t *ret_len, struct cupel_error *err);
    /* SHA-256 of names and contents, as hexadecimal digits. */
    int (*hash)(const struct expand_where *where, const char *const *paths, size_t n,
                struct arena *arena, const char **ret_text, struct cupel_error *err);
    /* What files there are in a submission. */
    void (*look)(const struct submission_asked *asked, struct submission_seen *ret);
    /* What is checked out: "commit" or "branch". */
    int (*git)(const char *dir, const char *what, struct arena *arena, const char **ret_text,
               struct cupel_error *err);
    /* A variable of the caller's environment, or NULL. */
    const char *(*environment)(const char *name);
};

extern const struct expand_host expand_real_host;
