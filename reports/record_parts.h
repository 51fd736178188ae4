/* SPDX-License-Identifier: Apache-2.0 */
/* record_parts: the tables of the objects that lie in a line of results.jsonl. Private to reports/.
 */
#pragma once

#include "reports/record_table.h"
#include "reports/reports.h"

extern const struct record_table record_usage;    /* of struct reports_usage */
extern const struct record_table record_timeline; /* of struct reports_timeline */
extern const struct record_table record_leak;     /* of struct reports_leak */
extern const struct record_table record_cache;    /* of struct reports_cache */
extern const struct record_table record_cached;   /* of struct reports_result */
extern const struct record_table record_logs;     /* of struct reports_result */
extern const struct record_table record_test;     /* of a case of struct reports_tests */

/* Its variants: of the last attempt, with its cases; of one before, which has none. */
#define RECORD_TESTS_ALL 1u
#define RECORD_TESTS_COUNTED 2u
extern const struct record_table record_tests; /* of struct reports_tests */
