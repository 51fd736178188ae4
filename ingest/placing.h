/* SPDX-License-Identifier: Apache-2.0 */
/* placing: private to ingest: makes the directory of a submission of what its archive held. Only
 * regular files and directories are made, beneath a descriptor, with modes of our own; what is
 * refused is remembered, and nobody's result but that submission's. */
#pragma once

#include "ingest/layouts.h"

#include "ingest/members.h"

/* How many files and directories a submission may have. */
#define PLACING_FILES_MAX 20000u

/* What all submissions of an archive share. */
struct placing {
    const char *name;    /* of the archive, for messages */
    int tree;            /* the directory in which theirs are made */
    int work;            /* one for files that are needed meanwhile */
    int nowhere;         /* an empty one */
    int contents;        /* what the archive's files hold */
    uint64_t bytes_each; /* of one submission */
    uint64_t bytes_left; /* of all */
    bool nested;         /* archives in a submission are unpacked as well */
    /* of CPU time that those of a submission may take */
    unsigned nested_seconds;
};

/* Makes the submission number `group` of the layout. *ret_refused, malloc'ed, says what was
 * refused; NULL: nothing. An error is the harness's, or the archive's as a whole. */
int placing_submission(struct placing *p, const struct member_list *all, const struct layout *l,
                       uint32_t group, char **ret_refused, struct cupel_error *err);
