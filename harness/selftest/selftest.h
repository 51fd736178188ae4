/* SPDX-License-Identifier: Apache-2.0 */
/* selftest: the hostile suite: runs small programs that each try one thing from inside a job,
 * through the same supervisor as `cupel run`, judges also from outside, and tells which promises
 * hold on this host. Each probe is declared once, in probe_table.c; the programs are in probes/ and
 * shipped as one, cupel-probes. */
#pragma once

#include "base/base.h"

struct selftest_options {
    const char *probes;      /* path of cupel-probes */
    const char *const *only; /* globs; none: every probe */
    size_t n_only;
    unsigned slots;
    const char *out; /* directory for junit.xml and results.jsonl, or NULL */
    bool json;       /* on standard output, in place of the table */
    bool verbose;    /* every probe, not only what does not hold */
};

/* Runs and prints. *ret_exit: 0 everything held, 1 a breach, 3 some probe could not be run or
 * judged. An error: nothing was run. */
int selftest_run(const struct selftest_options *options, int *ret_exit, struct cupel_error *err);

/* Removes the directories that killed self-tests have left. After prepare_recover: their slots,
 * which wait for their end there, hold the same locks. */
int selftest_recover(size_t *ret_removed, struct cupel_error *err);

enum selftest_format { SELFTEST_TEXT, SELFTEST_JSON, SELFTEST_MARKDOWN };
/* Prints the table of probes. */
int selftest_list(const struct selftest_options *options, enum selftest_format format,
                  struct cupel_error *err);
