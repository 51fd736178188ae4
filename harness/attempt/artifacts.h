/* SPDX-License-Identifier: Apache-2.0 */
/* artifacts: what a finished job's patterns name, copied out of its root. */
#pragma once

#include "base/weaken.h"
#include "jobs/jobs.h"
#include "reports/reports.h"

/* Copies what the job's patterns match, regular files only, never through a link, below
 * out/artifacts/NAME, in the order of names. `root` is the finished job's root directory. Paths go
 * to `copied`, up to a bound, what is known of each file to *files (malloc'ed), remarks to `notes`.
 * Returns 1 when the job left more than may be copied: the last note says what was passed. */
#define ARTIFACTS_LISTED_MAX 20000u
#define ARTIFACTS_LISTED_BYTES ((size_t)1 << 20)
/* Returns the bound ARTIFACTS_LISTED_BYTES; a program that is weakened on purpose lists what the
 * self-test's probe needs to see a breach. */
static inline size_t artifacts_listed_bytes(void)
{
    return weakened("artifact-list") ? 16 * ARTIFACTS_LISTED_BYTES : ARTIFACTS_LISTED_BYTES;
}
struct artifacts_target {
    struct reports_out *out;
    const char *name;
    const struct redact *redact; /* what no name and no remark may have; or NULL */
    bool (*stopped)(void *data); /* asked before each file; NULL: never */
    void *data;
};
int artifacts_collect(const struct jobs_job *job, int root, const struct artifacts_target *target,
                      struct strings *copied, struct reports_file **files, struct strings *notes,
                      struct cupel_error *err);
