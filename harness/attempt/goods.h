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

struct goods_stock {
    /* of the machine, and of what the limits of the groups around cupel leave of it */
    uint64_t whole[GOODS_COUNT];
    uint64_t now[GOODS_COUNT]; /* the same without the memory that others hold */
    uint64_t looked_ns;        /* CLOCK_MONOTONIC */
};
/* Finds what there is. */
void goods_find_stock(const struct run *run, struct goods_stock *ret);
/* Finds again what others hold, unless that was looked at just before. */
void goods_look_again(const struct run *run, struct goods_stock *stock);
/* Returns what a job may take; 0 where it has no such limit, since it is not known then. */
uint64_t goods_wanted(const struct instance *in, enum goods which);
/* Notes in a job's result that it ran alone, where its limits are more than there is, or (`room`:
 * what of memory there was when it started) more than others have left of it. */
void goods_note(const struct goods_stock *stock, uint64_t room, const struct instance *in,
                struct arena *arena, struct reports_result *result);
