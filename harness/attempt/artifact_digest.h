/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_digest: private to attempt: the SHA-256 of files, of the bytes that are copied anyway.
 */
#pragma once

#include "reports/reports.h"

struct artifact_digest;
struct artifact_digest *artifact_digest_new(void);
void artifact_digest_free(struct artifact_digest *d);
/* A file begins; then come its bytes and its holes, in their order. */
void artifact_digest_begin(struct artifact_digest *d);
void artifact_digest_add(struct artifact_digest *d, const void *data, size_t n);
void artifact_digest_add_hole(struct artifact_digest *d, uint64_t n);
/* Fills in what it comes to, if that could be computed. */
void artifact_digest_end(struct artifact_digest *d, struct reports_file *ret);
