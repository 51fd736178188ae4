/* SPDX-License-Identifier: Apache-2.0 */
/* junit_tests: see junit_tests.h. They are the job's word, and say so: their class is the job's,
 * then `reported`, then what the job calls it; a message begins with who says it. */
#include "reports/junit_tests.h"

#include "reports/model.h"
#include "reports/report_text.h"

#include <string.h>

/* Readers take no file over 30 MB (see junit.c): beyond this, cases that passed are left out. */
#define PLENTY ((uint64_t)16 * 1024 * 1024)

void junit_tests_begin(struct junit_tests *j, const struct junit_writer *w,
                       const struct reports_result *result)
{
    const struct reports_tests *t = result->tests;

    *j = (struct junit_tests){.tests = t, .only_bad = w->written >= PLENTY};
    if (t == NULL)
        return;
    j->failures = t->listed[REPORTS_TEST_FAILED];
    j->errors = t->listed[REPORTS_TEST_ERROR];
    j->skipped = j->only_bad ? 0 : t->listed[REPORTS_TEST_SKIPPED];
    j->n =
        j->failures + j->errors + j->skipped + (j->only_bad ? 0 : t->listed[REPORTS_TEST_PASSED]);
}

void junit_tests_properties(struct junit_writer *w, const struct reports_result *result)
{
    const struct reports_tests *t = result->tests;
    char number[MODEL_NUMBER_SIZE];

    if (t == NULL)
        return;
    junit_property(w, "tests.", "reported_by", "job");
    for (enum reports_test_outcome o = 0; o < REPORTS_TEST_OUTCOME_COUNT; o++)
        junit_property(w, "tests.", reports_test_outcome_name(o),
                       model_number(t->all[o], 1, number));
    if (t->flaky > 0)
        junit_property(w, "tests.", "flaky", model_number(t->flaky, 1, number));
}

static void put_test(struct junit_writer *w, const struct reports_test_case *c, const char *class,
                     struct strset *taken)
{
    static const char *const elements[REPORTS_TEST_OUTCOME_COUNT] = {
        [REPORTS_TEST_FAILED] = "failure",
        [REPORTS_TEST_ERROR] = "error",
        [REPORTS_TEST_SKIPPED] = "skipped"};
    cleanup_free char *whole =
        xasprintf("%s.reported%s%s", class, *c->group != '\0' ? "." : "", c->group);
    cleanup_free char *name =
        junit_new_name(taken, whole, *c->name != '\0' ? c->name : "(no name)");
    char seconds[MODEL_NUMBER_SIZE];
    const char *element = elements[c->outcome];

    junit_start(w, "testcase");
    junit_token(w, "name", name, "test");
    junit_token(w, "classname", whole, "job");
    junit_attribute(w, "time", "%s",
                    model_seconds(c->time_ns != REPORTS_TEST_NO_TIME ? c->time_ns : 0, seconds));
    if (element != NULL) {
        junit_start(w, element);
        junit_attribute(w, "message", "the job reports: %s",
                        *c->message != '\0' ? c->message : reports_test_outcome_name(c->outcome));
        if (c->outcome != REPORTS_TEST_SKIPPED)
            junit_attribute(w, "type", "%s", "reported");
        junit_text(w, c->details, strlen(c->details));
        junit_end(w);
    }
    junit_end(w);
}

void junit_tests_write(struct junit_writer *w, const struct junit_tests *j, const char *class)
{
    _cleanup_(strset_free) struct strset taken = {0};
    cleanup_strbuf struct strbuf records = {0};
    struct reports_test_cursor cursor;
    struct reports_test_case c;

    if (j->n == 0)
        return;
    if (reports_out_read_tests(w->out, j->tests, &records) < 0) {
        w->failed = true; /* what was counted could not be written */
        return;
    }
    cursor = (struct reports_test_cursor){.at = records.data, .end = records.data + records.len};
    while (reports_tests_next(&cursor, &c) > 0)
        if (!j->only_bad || c.outcome == REPORTS_TEST_FAILED || c.outcome == REPORTS_TEST_ERROR)
            put_test(w, &c, class, &taken);
}
