/* SPDX-License-Identifier: Apache-2.0 */
/* handins: archives of submissions, as teachers download them, become a directory for each
 * submission. A part of the room's contract, see ingest.h. Every byte of an archive is hostile,
 * those of the students' files as well: it is read by confined children, and what these answer is
 * checked before anything is made of it. Not responsible for how submissions are judged. */
#pragma once

#include "base/base.h"

/* Who has made the archive. */
enum handins_layout {
    HANDINS_ANY, /* found out by the names in it */
    HANDINS_MOODLE,
    HANDINS_CANVAS,
    HANDINS_GRADESCOPE,
    HANDINS_DIRECTORIES, /* one for each submission, or an archive for each */
    HANDINS_SINGLE,      /* all of it is one submission, named like the archive */
    HANDINS_LAYOUT_COUNT,
};
/* "moodle" and so on; NULL where there is none of that number. */
const char *handins_layout_name(enum handins_layout layout);
/* -EINVAL: there is none of that name. */
int handins_layout_parse(const char *name, enum handins_layout *ret);

/* Whether a file of that name is taken for an archive: it ends in .zip, .tar, .tar.gz, .tgz and
 * the like, in upper or lower case. */
bool handins_is_archive(const char *path);

/* How many bytes all that is in one archive may have, where nobody says otherwise. One submission
 * may have a sixteenth of it. */
#define HANDINS_BYTES_MAX ((uint64_t)1 << 30)
#define HANDINS_NESTED_SECONDS 10u

struct handins_request {
    const char *archive; /* its path */
    /* an absolute path: the directory that is to hold what is unpacked, which is made; nothing
     * that a job touches can lie there */
    const char *below;
    enum handins_layout layout;
    uint64_t bytes_max; /* 0: HANDINS_BYTES_MAX */
    /* of CPU time, for all archives that lie in one submission; 0: HANDINS_NESTED_SECONDS */
    unsigned nested_seconds;
    /* there are others beside it: with HANDINS_ANY it is one submission then, whatever is in it,
     * which may be made to look like an export of others; and if it is damaged, that is this
     * submission's result */
    bool one_of_many;
};

struct handin {
    const char *id;    /* good as a file's name, and unique among those of the archive */
    const char *path;  /* absolute: a directory, of regular files and directories alone */
    const char *name;  /* the person's, as the archive says it; or NULL */
    const char *email; /* the same */
    bool late;         /* as the archive says it */
    /* why nobody can judge it: what it holds was refused, and is not in the directory. It follows
     * a name, as in "is a symbolic link". NULL: nothing was. */
    const char *refused;
};

struct handins {
    struct handin *list; /* by id */
    size_t n;
    enum handins_layout layout;
    enum handins_layout resembles; /* of one of many: whose export it looks like; or HANDINS_ANY */
    bool reused;                   /* an earlier call has unpacked the same archive */
    struct arena *arena;
};

/* Unpacks it, or finds it unpacked. What is wrong with a submission stands in its `refused`; what
 * is wrong with the archive is an error of the kind CUPEL_ERROR_INPUT. */
int handins_unpack(const struct handins_request *request, struct handins *ret,
                   struct cupel_error *err);
void handins_free(struct handins *s);
