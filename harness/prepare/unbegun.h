/* SPDX-License-Identifier: Apache-2.0 */
/* unbegun: private to prepare. */
#pragma once

#include "harness/prepare/prepare.h"

/* Writes the reports of a run of which nothing began: every job has that verdict, for that reason.
 * The console tells of them where the run was cancelled; else the reason is told as the error that
 * it is. */
int unbegun_report(const struct run_options *options, struct prepared *p,
                   enum reports_verdict verdict, const char *why, struct cupel_error *err);
