/* SPDX-License-Identifier: Apache-2.0 */
/* admission: private to supervisor: what the machine has of CPUs and memory, and what of them a job
 * may take by its limits. */
#pragma once

#include "harness/supervisor/schedule.h"

struct run;
struct instance;
struct arena;
struct reports_result;

/* Tells the schedule. Without it (--overcommit) every job starts as soon as a slot is idle. */
void admission_set(const struct run *run, struct schedule *schedule);
/* A job whose limits are more than there is ran alone: its result says so. */
void admission_note(const struct run *run, const struct instance *instance, struct arena *arena,
                    struct reports_result *result);
