/* SPDX-License-Identifier: Apache-2.0 */
/* gradescope_list: private to ingest: who has handed in which submission, by the list that is in
 * Gradescope's exports (submission_metadata.yml). Names in it are the students' own: it is read in
 * a confined child. */
#pragma once

#include "base/base.h"

struct gradescope_entry {
    const char *submission; /* "submission_123" */
    const char *name, *email;
    const char *id; /* the student's; "" where there are several, or none is said */
};

struct gradescope_list {
    struct gradescope_entry *entries;
    size_t n;
    struct arena *arena;
};

/* How large the list may be. */
#define GRADESCOPE_LIST_MAX ((uint64_t)64 << 20)

/* Reads the YAML of `fd` from its beginning; adds records to `reply`. In the child, and in the
 * fuzzer. */
int gradescope_list_read(int fd, struct strbuf *reply, struct cupel_error *err);
/* Takes those records, which anybody may have written; -EBADMSG: they are none. */
int gradescope_list_take(const char *data, size_t length, struct gradescope_list *ret);
/* Does both, with a confined child. */
int gradescope_list_run(int fd, int nowhere, struct gradescope_list *ret, struct cupel_error *err);
void gradescope_list_free(struct gradescope_list *list);
