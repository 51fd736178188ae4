/* SPDX-License-Identifier: Apache-2.0 */
/* member_reader: private to ingest: reads an archive of submissions, or one that lies in such a
 * one, in a confined child: records of its members (members.h) go to one file, and what the regular
 * files hold to another, one after the other. Not responsible for what any of it means. */
#pragma once

#include "base/base.h"

/* A member that is none of any submission's. */
#define MEMBER_OF_NONE UINT32_MAX

struct member_reading {
    const char *name; /* of the archive, for messages */
    bool list_only;   /* no contents */
    /* which submission each member belongs to, in the archive's order, or MEMBER_OF_NONE; NULL: all
     * to number 0 */
    const uint32_t *of;
    size_t n_of;
    size_t n_submissions;
    uint64_t bytes_each; /* what a submission may have */
    uint64_t bytes_all;  /* what all may have */
    size_t members_max;
    /* damaged content is the end of it: nobody's submission shall suffer from a broken download */
    bool strict;
};

/* Reads it here: in the child, and in the fuzzer. Returns 0 or a negative errno with *err. */
int member_reader_read(const struct member_reading *what, int archive, int contents, int records,
                       struct cupel_error *err);
/* Reads it in a confined child that may compute for so many seconds. `nowhere` is a directory in
 * which there is nothing to see. */
int member_reader_run(const struct member_reading *what, int archive, int nowhere, int contents,
                      int records, unsigned seconds, struct cupel_error *err);
