/* SPDX-License-Identifier: Apache-2.0 */
/* losses: private to sandbox; whether what was written to an upper file system was lost. */
#pragma once

#include "base/base.h"

struct upper;

/* Makes the directories for that, once. */
int losses_make_room(int dirfd);

/* Begins to watch an upper file system that is attached at `at`, from within the stage. */
int losses_watch(struct upper *u, const char *at);

/* Returns -errno as soon as something that was written to it has been lost. */
int losses_find(const struct upper *u);

/* Says so: returns errnum. */
int losses_explain(int store_dirfd, int errnum, struct cupel_error *err);
