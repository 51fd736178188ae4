/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_base: private to attempt: the directory that relative patterns of a job are below. */
#pragma once

#include "base/base.h"

/* Returns where `workdir` is beneath the root, without links: a job's working directory may be
 * reached through some, and patterns never are. As it is written where nobody can say; to be
 * freed. */
char *artifact_base(int root, const char *workdir);
