/* SPDX-License-Identifier: Apache-2.0 */
/* keep_failed: what a failed attempt leaves is kept in the store (run/kept.h). */
#pragma once

#include "base/base.h"

/* In the slot: keeps what the attempt left, if it failed; says so in the result, or in a note why
 * not. */
struct attempt_context;
struct caches;
struct attempt_result;
struct instance;
struct sandbox_job;
void keep_failed_store(struct attempt_context *ctx, const struct instance *instance,
                       const struct sandbox_job *sandbox, const struct caches *caches,
                       struct attempt_result *result);
