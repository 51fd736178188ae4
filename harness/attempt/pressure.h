/* SPDX-License-Identifier: Apache-2.0 */
/* pressure: private to attempt: what the machine as a whole was up to while a job ran: pressure
 * stall information (Documentation/accounting/psi.rst) and the CPU time of everybody (proc(5),
 * /proc/stat). Judges nothing. */
#pragma once

#include "base/base.h"

enum pressure_figure {
    MACHINE_CPU_PRESSURE_NS, /* time during which some task of the machine waited for a CPU */
    MACHINE_MEMORY_PRESSURE_NS,
    MACHINE_IO_PRESSURE_NS,
    MACHINE_BUSY_NS,   /* CPU time of all processes and the kernel, summed over the CPUs */
    MACHINE_STOLEN_NS, /* CPU time that the hypervisor gave to others */
    MACHINE_FIGURE_COUNT,
};

/* The files, kept open: a look costs a few microseconds. */
struct pressure {
    /* the last two are one file; -EBADF: the kernel does not tell */
    int fd[MACHINE_FIGURE_COUNT];
    unsigned cpus; /* online */
};

/* A look at a moment, or the difference of two. */
struct pressure_look {
    uint64_t at_ns; /* CLOCK_MONOTONIC; of a difference: how long it is */
    uint32_t known; /* bits 1u << figure */
    uint64_t value[MACHINE_FIGURE_COUNT];
};

void pressure_open(struct pressure *ret);
void pressure_close(struct pressure *m);
void pressure_look(const struct pressure *m, struct pressure_look *ret);
/* Returns what went by between the two looks: only what both know. */
void pressure_since(const struct pressure_look *before, const struct pressure_look *now,
                    struct pressure_look *ret);
bool pressure_get(const struct pressure_look *l, enum pressure_figure f, uint64_t *ret);

/* The text of the files, for the tests: "some avg10=... total=USEC" and "cpu  USER NICE SYSTEM
 * ...". */
bool pressure_parse_pressure(const char *text, uint64_t *ret_ns);
bool pressure_parse_stat(const char *text, uint64_t *ret_busy_ns, uint64_t *ret_stolen_ns);
