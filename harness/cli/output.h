/* SPDX-License-Identifier: Apache-2.0 */
/* output: what `-o FILE` of any subcommand writes to. */
#pragma once

#include "base/base.h"

struct cli_output {
    int fd;
    const char *file; /* borrowed; as the user named it */
    char *aside;      /* what takes its place in the end; NULL: it is written into */
};

/* Opens it: a new or a regular file is written aside and takes the name when it is whole; a device,
 * a FIFO or a link is written into and stays what it is. Opening a FIFO waits for its reader. */
int cli_output_open(struct cli_output *o, const char *file, struct cupel_error *err);

/* Ends it. `r` < 0 says that what was to be written failed, with *err: half a file is left nowhere.
 * Returns r, or the failure to keep what was written. */
int cli_output_end(struct cli_output *o, int r, struct cupel_error *err);
