/* pressure: private to supervisor: what the machine as a whole was up to while a job ran: pressure stall information
 * (Documentation/accounting/psi.rst) and the CPU time of everybody (proc(5), /proc/stat). Judges nothing. */
#pragma once

#include "base/base.h"

enum machine_figure {
    MACHINE_CPU_PRESSURE_NS, /* time during which some task of the machine waited for a CPU */
    MACHINE_MEMORY_PRESSURE_NS,
    MACHINE_IO_PRESSURE_NS,
    MACHINE_BUSY_NS,   /* CPU time of all processes and the kernel, summed over the CPUs */
    MACHINE_STOLEN_NS, /* CPU time that the hypervisor gave to others */
    MACHINE_FIGURE_COUNT,
};

/* The files, kept open: a look costs a few microseconds. */
struct machine {
    int fd[MACHINE_FIGURE_COUNT]; /* the last two are one file; -EBADF: the kernel does not tell */
    unsigned cpus;                /* online */
};

/* A look at a moment, or the difference of two. */
struct machine_look {
    uint64_t at_ns; /* CLOCK_MONOTONIC; of a difference: how long it is */
    uint32_t known; /* bits 1u << figure */
    uint64_t value[MACHINE_FIGURE_COUNT];
};

void machine_open(struct machine *ret);
void machine_close(struct machine *m);
void machine_look(const struct machine *m, struct machine_look *ret);
/* What went by between the two: only what both know. */
void machine_since(const struct machine_look *before, const struct machine_look *now, struct machine_look *ret);
bool machine_get(const struct machine_look *l, enum machine_figure f, uint64_t *ret);

/* The text of the files, for the tests: "some avg10=... total=USEC" and "cpu  USER NICE SYSTEM ...". */
bool machine_parse_pressure(const char *text, uint64_t *ret_ns);
bool machine_parse_stat(const char *text, uint64_t *ret_busy_ns, uint64_t *ret_stolen_ns);
