/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_names: private to attempt: the entries of a directory in the order of their names, in
 * bounded memory however many there are: those that do not fit are read again later. */
#pragma once

#include "base/base.h"

struct artifact_names {
    char *text;      /* each: its d_type, its name, NUL */
    uint32_t *order; /* where each begins */
    size_t len, n, next;
    bool more; /* the directory has others that come after these */
};

/* Reads those that come after the name `after` (NULL: all), as many of the first ones as fit into
 * `room` bytes. */
int artifact_names_read(int dir, const char *after, size_t room, struct artifact_names *ret);
/* The next name, and its d_type; NULL at the end of what was read. */
const char *artifact_names_next(struct artifact_names *names, unsigned char *ret_type);
size_t artifact_names_bytes(const struct artifact_names *names);
void artifact_names_free(struct artifact_names *names);
