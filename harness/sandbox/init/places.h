/* SPDX-License-Identifier: Apache-2.0 */
/* places: private to sandbox; where inputs and tmpfs go. */
#pragma once

#include "harness/sandbox/init/init_context.h"

#include <stdbool.h>
#include <stdint.h>

struct place {
    bool is_tmpfs;
    uint16_t index; /* of the job's tmpfs, or of its inputs */
    uint32_t length;
};
#define PLACES_MAX (INPUTS_MAX + JOBS_TMPFS_MAX)

/* Returns how many there are: what lies in another comes after it, whatever the order in the file,
 * and of one path the tmpfs is last. */
size_t places_in_order(const struct init_context *ctx, struct place ret[PLACES_MAX]);

/* Says whether something may be placed in `dir` (O_PATH), or with `covers` over it: -ELOOP where a
 * link of the root has led to what is the sandbox's own, as the job file may not either. */
int places_check(const struct init_context *ctx, int dir, bool covers);
