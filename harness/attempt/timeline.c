/* SPDX-License-Identifier: Apache-2.0 */
/* timeline: see timeline.h. */
#include "harness/attempt/timeline.h"

void timeline_start(struct timeline *t, uint64_t interval_ns)
{
    t->interval_ns = t->next_ns = interval_ns;
    t->n = 0;
    t->has_cpu = t->has_memory = t->has_pids = true;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Halves the timeline: two neighbours become one, with the later moment and its CPU time, which is
 * a sum, and the peaks of both. */
static void halve(struct timeline *t)
{
    for (size_t i = 0; i < t->n / 2; i++) {
        const struct reports_point *a = &t->points[2 * i], *b = &t->points[2 * i + 1];

        t->points[i] =
            (struct reports_point){.at_ns = b->at_ns,
                                   .cpu_ns = b->cpu_ns,
                                   .memory_bytes = most(a->memory_bytes, b->memory_bytes),
                                   .pids = most(a->pids, b->pids)};
    }
    t->n /= 2;
    t->interval_ns *= 2;
}

void timeline_add(struct timeline *t, const struct reports_point *p, bool has_cpu, bool has_memory,
                  bool has_pids)
{
    if (t->n == TIMELINE_MAX)
        halve(t);
    t->points[t->n++] = *p;
    t->has_cpu &= has_cpu;
    t->has_memory &= has_memory;
    t->has_pids &= has_pids;
    t->next_ns = p->at_ns - p->at_ns % t->interval_ns + t->interval_ns;
}
