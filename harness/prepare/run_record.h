/* SPDX-License-Identifier: Apache-2.0 */
/* run_record: what a run says of itself in the first line of its results: made when it begins, and
 * written anew as more is known. Private to prepare, but for what prepare.h has. */
#pragma once

#include "harness/prepare/prepare.h"

/* Makes the record, as far as it is known, and writes it: without the command line where a job has
 * secrets that are not known. */
int run_record_begin(const struct run_options *options, struct prepared *p,
                     struct cupel_error *err);
/* Adds the roots, which are made by now. */
int run_record_prepared(struct prepared *p, struct cupel_error *err);
void run_record_free(struct prepared *p);
