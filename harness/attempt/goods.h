/* SPDX-License-Identifier: Apache-2.0 */
/* goods: what the machine has of CPUs and memory, and what of them a job may
 * take by its limits. Who starts jobs admits them by the sum. */
#pragma once

#include "base/base.h"

struct run;
struct instance;
struct arena;
struct reports_result;

/* Thousandths of a CPU, and bytes. */
enum goods { GOODS_CPU, GOODS_MEMORY, GOODS_COUNT };

/* Finds what there is: of the machine, and of what the groups around cupel leave of it. */
void goods_find_stock(const struct run *run, uint64_t ret_stock[static GOODS_COUNT]);
/* Returns what a job may take; 0 where it has no such limit, since it is not known then. */
uint64_t goods_wanted(const struct instance *in, enum goods which);
/* Notes in a job's result that it ran alone, where its limits are more than there is. */
void goods_note(const uint64_t stock[static GOODS_COUNT], const struct instance *in,
                struct arena *arena, struct reports_result *result);
