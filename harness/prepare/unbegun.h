/* SPDX-License-Identifier: Apache-2.0 */
/* unbegun: private to prepare. */
#pragma once

#include "harness/prepare/prepare.h"

/* Writes the reports of a run of which nothing began: every job is cancelled, for that reason. */
int unbegun_report(const struct run_options *options, const struct prepared *p, const char *why,
                   struct cupel_error *err);
