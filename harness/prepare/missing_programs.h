/* SPDX-License-Identifier: Apache-2.0 */
/* missing_programs: which jobs that compile have a program to run that their root does not have. */
#pragma once

#include "harness/prepare/prepare.h"

/* Sets instance->lacks of each, before anything of a submission's has run. */
void missing_programs_find(struct run *run);
