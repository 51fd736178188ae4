/* SPDX-License-Identifier: Apache-2.0 */
/* result_record: a result as bytes, for a later run that reports it again instead of running its
 * job. */
#pragma once

#include "reports/reports.h"

/* Appends what a job's run has come to: all that reports say of it, but for what is known of the
 * job anyway (its names, limits, tags, points) and for what it left (artifacts, tests, what is
 * kept). */
void reports_record_add(struct strbuf *to, const struct reports_result *result);
/* Reads that. Of what is known anyway nothing is filled. -EBADMSG: it does not add up. Everything
 * lives in the arena. */
int reports_record_read(const char *data, size_t n, struct arena *arena,
                        struct reports_result *ret);
