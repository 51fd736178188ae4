/* SPDX-License-Identifier: Apache-2.0 */
/* record_run: the table of the first line of results.jsonl, which describes the run. Private to
 * reports/. */
#pragma once

#include "reports/record_table.h"
#include "reports/reports.h"

/* Goes up when a field is renamed or taken away, or means something else. */
#define RECORD_FORMAT 1

extern const struct record_table record_run;      /* of struct reports_run_record */
extern const struct record_table record_run_file; /* of struct reports_run_file */
extern const struct record_table record_run_root; /* of struct reports_run_root */

/* Returns that record with the longest of all that is known only at the end, `files` having room
 * for record->n_files. */
struct reports_run_record record_run_longest(const struct reports_run_record *record,
                                             struct reports_run_file *files);
