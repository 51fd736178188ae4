/* SPDX-License-Identifier: Apache-2.0 */
/* junit_tests: test cases that a job has reported, as cases of its suite. Private to reports/. */
#pragma once

#include "reports/junit_text.h"

/* What of a result's tests is written: all that are listed, or those that did not pass alone. */
struct junit_tests {
    const struct reports_tests *tests; /* NULL: none */
    bool only_bad;
    size_t n, failures, errors, skipped; /* that will be written */
};
void junit_tests_begin(struct junit_tests *j, const struct junit_writer *w,
                       const struct reports_result *result);
void junit_tests_properties(struct junit_writer *w, const struct reports_result *result);
/* `class` is the class of the job's own cases. */
void junit_tests_write(struct junit_writer *w, const struct junit_tests *j, const char *class);
