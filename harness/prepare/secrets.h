/* SPDX-License-Identifier: Apache-2.0 */
/* secrets: private to prepare: the values of the jobs' secrets. */
#pragma once

#include "base/interrupt.h"
#include "harness/run/run.h"

/* Fetches those of the run's jobs, which reports into `out` (or NULL), into run->secrets, and makes
 * run->redact, which from then on holds for remarks and errors of this process too. Where one
 * cannot be had, those that could are masked all the same. */
int secrets_fetch(struct run *run, const char *out, const struct interrupt *signals,
                  struct cupel_error *err);
/* Says whether reports into `out` show none of those that were fetched: what they have to show as
 * it is has none, and all else is masked. */
bool secrets_are_hidden(const struct run *run, const char *out);
/* Forgets the values; what must not be shown stays known, until the program's end. */
void secrets_forget(struct run *run);
