/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: finds out what this host can do for cupel by trying it, and says what depends on each
 * capability and how to get it. Knows nothing of jobs: what a limit of a job file needs stands in
 * its table as text.
 *
 * A probe really does the thing, in a forked child that is given a few seconds; versions and
 * configuration files are only quoted to explain. Nothing is left behind but the store, which is
 * made where it is missing, as a run would. */
#pragma once

#include "base/base.h"

enum doctor_state {
    DOCTOR_WORKS,
    DOCTOR_DEGRADED, /* usable, with a loss that the detail names */
    DOCTOR_MISSING,
};

/* What a probe found. `detail` says what was seen; `remedy` how to get it, empty for what works. */
struct doctor_finding {
    enum doctor_state state;
    char detail[1024];
    char remedy[512];
};

/* One row of the report; the texts are static. */
struct doctor_row {
    const char *id;        /* for machines: lower case and hyphens */
    const char *name;      /* for people */
    const char *needed_by; /* keys, limits or commands that depend on it */
    bool required;         /* without it no run is possible */
    /* no job of this caller's depends on it: root's do, or an ordinary user's */
    bool of_others;
    struct doctor_finding finding;
};

struct doctor_report {
    size_t n;
    struct doctor_row *rows;
};

/* Tries everything, as the calling user and in its cgroup. Takes about a second; every probe is
 * bounded, so that a host on which something hangs gets a report too. Call it from a process with
 * one thread. */
void doctor_examine(struct doctor_report *ret_report);
void doctor_report_free(struct doctor_report *report);

/* True when no required capability is missing: `cupel run` can work here. */
bool doctor_can_run(const struct doctor_report *report);

/* A line a row: state, name, what depends on it, what was seen; then how to get what does not work,
 * and a last line that says whether a run can work. 0, or -errno of the stream. */
int doctor_print(const struct doctor_report *report, FILE *stream, bool colour);
/* Prints the same as one JSON object (docs/doctor.md). */
int doctor_print_json(const struct doctor_report *report, FILE *stream);
const char *doctor_state_name(enum doctor_state state);
