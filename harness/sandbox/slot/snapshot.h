/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: private to sandbox; what earlier jobs of the run left, in the stage. */
#pragma once

#include "base/base.h"

struct init_context;
struct owner_change;
struct sandbox_stage;

/* Makes the run's snapshot /s/INDEX in the stage, once for each change of owners. */
int stage_attach_snapshot(struct sandbox_stage *s, size_t number, const struct owner_change *change,
                          size_t *ret_index, struct cupel_error *err);

/* Returns a mount of the run's snapshot as it is, detached. */
int snapshot_clone(struct sandbox_stage *s, size_t number);
/* Returns what it is called in the store, where it has a name there. */
#define SNAPSHOT_NAME_SIZE 32
const char *snapshot_file(size_t number, char buf[static SNAPSHOT_NAME_SIZE]);

/* Lists the layers under the upper directory NAME of this job ("u", "u3"): of the kept job's and of
 * the first n snapshots of `below`, each with a ':' behind it; malloc'ed, "" for none. */
char *layers_below(const struct init_context *ctx, const size_t *below, size_t n, const char *name);
