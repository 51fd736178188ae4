/* SPDX-License-Identifier: Apache-2.0 */
/* json_lines: a file of objects, one a line, read back. Private to reports/. */
#pragma once

#include "base/base.h"

#include <jansson.h>

/* Calls `take` for each line of a regular file that is an object; what is none is passed over, as
 * if it were not there. Follows no link, and waits for nothing. What lies in an out directory may
 * come with a checkout, so no line and no file is longer than it may be: -EFBIG; but for the line
 * of a run, which is passed over where it is too long. Returns 0, what `take` said where that is
 * negative, or -errno. */
int json_lines_read(int dirfd, const char *name, int (*take)(void *data, const json_t *line),
                    void *data);
/* The text of a member, or NULL. */
const char *json_lines_text(const json_t *line, const char *key);
