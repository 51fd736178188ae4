/* SPDX-License-Identifier: Apache-2.0 */
/* excerpt: the beginning and the end of a log file, whatever its length. Private to reports/. */
#pragma once

#include "base/base.h"

struct reports_out;

/* Where to read: bytes [from, to) of a log below the out directory; `to` beyond the end means the
 * end. */
struct excerpt_source {
    const char *path; /* NULL: there is no log, and the excerpt is empty */
    uint64_t from;
    uint64_t to;
};
struct excerpt {
    struct strbuf head;
    struct strbuf tail;
    uint64_t left_out; /* bytes between the two */
};

/* Reads at most `head` + `tail` bytes with pread; when the source is longer, both parts end at a
 * line where one is near, else between characters. Only regular files, through no symbolic link.
 * Returns 0 or -errno. */
int excerpt_read(const struct reports_out *out, const struct excerpt_source *source, size_t head,
                 size_t tail, struct excerpt *ret);
void excerpt_free(struct excerpt *e);
