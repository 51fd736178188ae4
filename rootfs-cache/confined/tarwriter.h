/* SPDX-License-Identifier: Apache-2.0 */
/* tarwriter: private to rootfs-cache. Entries of a tar, as small as tar(1) makes them: ustar, and a
 * pax header where that cannot say it. */
#pragma once

#include "base/base.h"

#include <sys/stat.h>

struct tarwriter {
    int fd;
    char *buffer;
    size_t used;
};

struct tarwriter_entry {
    const char *path; /* of a directory: without a slash at its end */
    const struct stat *st;
    /* a symbolic link's target, or the name that a further one is a hard link to; or NULL */
    const char *link;
    bool hard;              /* it is such */
    const char *sparse_map; /* what precedes the data (GNU's form 1.0), or NULL */
    uint64_t size;          /* of the data that follows, the map not counted */
    struct strbuf records;  /* pax records, by tarwriter_record */
};

void tarwriter_begin(struct tarwriter *w, int fd);
void tarwriter_free(struct tarwriter *w);
/* Adds "LENGTH KEY=VALUE\n". */
void tarwriter_record(struct strbuf *records, const char *key, const void *value, size_t n);
/* The following: 0 or a negative errno. After the header come the data, and then its padding. */
int tarwriter_header(struct tarwriter *w, struct tarwriter_entry *entry);
int tarwriter_data(struct tarwriter *w, const void *data, size_t n);
int tarwriter_pad(struct tarwriter *w, uint64_t size);
/* The end's mark, and all that is still held back. */
int tarwriter_end(struct tarwriter *w);
