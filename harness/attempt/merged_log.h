/* SPDX-License-Identifier: Apache-2.0 */
/* merged_log: a job's two streams as one text, a line at a time, each with the moment at which it
 * was complete and the stream that it came from:
 *
 *     2026-11-30T08:30:00.123Z stdout hello
 *
 * A plus in place of the second space says that the line goes on with the one before it of that
 * stream, which was longer than is kept in memory. What a carriage return leads back to the
 * beginning of is overwritten: the last state of a line is what stands there. Pure: bytes come in,
 * text goes out. */
#pragma once

#include "base/base.h"

#include <time.h>

struct merged_log {
    struct merged_line {
        struct strbuf text; /* of a line that is not complete */
        bool returned;      /* what comes next overwrites it */
        bool goes_on;       /* its beginning has gone out */
    } line[2];
    uint64_t written; /* bytes that went out */
    bool full;        /* and no more do */
};
/* Takes what came of stream `which` (0: standard output, 1: standard error) at that moment, of the
 * clock on the wall, and appends the lines that are complete with it. All of them together have no
 * more bytes than merged_log_bound allows, but for the line that says so. */
void merged_log_take(struct merged_log *m, int which, const char *data, size_t n,
                     const struct timespec *now, uint64_t limit, struct strbuf *out);
/* Appends what is left of both, as lines. More may come afterwards. */
void merged_log_finish(struct merged_log *m, const struct timespec *now, uint64_t limit,
                       struct strbuf *out);
void merged_log_end(struct merged_log *m);
/* Returns how many bytes there may be where the streams may have `limit`: a text of empty lines
 * would come to be thirty times as long. */
uint64_t merged_log_bound(uint64_t limit);
