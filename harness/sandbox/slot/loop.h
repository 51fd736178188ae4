/* SPDX-License-Identifier: Apache-2.0 */
/* loop: private to sandbox; loop devices. */
#pragma once

#include "base/base.h"

/* Attaches an image to a free loop device, whose name `path` gets; there may be no such file. */
int loop_attach(int image, bool read_only, int *ret_loop, char *path, size_t path_size);

/* Says why that failed, and what to do: returns errnum. */
int loop_explain(int errnum, const char *path, struct cupel_error *err);

/* Checks whether there are loop devices at all. */
int loop_check(struct cupel_error *err);
