/* SPDX-License-Identifier: Apache-2.0 */
/* cached_results: jobs that have passed before are not run again (`cache-result`). */
#pragma once

#include "harness/prepare/prepare.h"

/* Makes the keys of those that say `cache-result`, and looks for what has passed with them. Every
 * root and input is there by now. */
int cached_results_find(struct prepared *p, const struct run_options *options,
                        struct cupel_error *err);
void cached_results_free(struct run *run);
