/* SPDX-License-Identifier: Apache-2.0 */
/* ingest_ctrf: the Common Test Report Format, a JSON document (https://ctrf.io). A test whose
 * status is none that the format has counts as one that could not be run. */
#include "ingest/readers.h"

#include <jansson.h>
#include <string.h>

static const struct {
    const char *status;
    enum reports_test_outcome outcome;
} ctrf_statuses[] = {
    {"passed", REPORTS_TEST_PASSED},
    {"failed", REPORTS_TEST_FAILED},
    {"skipped", REPORTS_TEST_SKIPPED},
    {"pending", REPORTS_TEST_SKIPPED},
};

static size_t ctrf_take(void *buffer, size_t size, void *data)
{
    ssize_t n = ingest_take(data, buffer, size);

    return n < 0 ? (size_t)-1 : (size_t)n;
}

static const char *ctrf_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* A suite is a text or, since a later version of the format, the list of those that one lies in. */
static void ctrf_group(const json_t *test, struct strbuf *ret)
{
    const json_t *suite = json_object_get(test, "suite");

    strbuf_adds(ret, ctrf_text(test, "suite"));
    for (size_t i = 0; json_is_array(suite) && i < json_array_size(suite); i++) {
        const char *name = json_string_value(json_array_get(suite, i));

        if (name != NULL && ret->len <= REPORTS_TEST_NAME_MAX)
            strbuf_addf(ret, "%s%s", ret->len > 0 ? " > " : "", name);
    }
}

static void ctrf_test(struct ingest_cases *to, const json_t *test, uint64_t *bad)
{
    cleanup_strbuf struct strbuf group = {0};
    const char *status = ctrf_text(test, "status"), *name = ctrf_text(test, "name");
    const json_t *duration = json_object_get(test, "duration"),
                 *line = json_object_get(test, "line");
    double ms = json_is_number(duration) ? json_number_value(duration) : -1;
    struct reports_test_case c = {.outcome = REPORTS_TEST_ERROR,
                                  .time_ns = REPORTS_TEST_NO_TIME,
                                  .name = *name != '\0' ? name : "(no name)",
                                  .file = ctrf_text(test, "filePath"),
                                  .message = ctrf_text(test, "message"),
                                  .details = ctrf_text(test, "trace")};

    for (size_t i = 0; i < ARRAY_SIZE(ctrf_statuses); i++)
        if (str_eq(ctrf_statuses[i].status, status))
            c.outcome = ctrf_statuses[i].outcome;
    ctrf_group(test, &group);
    c.group = group.data;
    if (ms >= 0 && ms < 1e12)
        c.time_ns = (uint64_t)(ms * (double)NSEC_PER_MSEC + 0.5);
    if (json_is_integer(line) && json_integer_value(line) > 0 &&
        json_integer_value(line) < INT32_MAX)
        c.line = (uint32_t)json_integer_value(line);
    c.flaky = json_is_true(json_object_get(test, "flaky")) && c.outcome == REPORTS_TEST_PASSED;
    *bad += c.outcome == REPORTS_TEST_FAILED || c.outcome == REPORTS_TEST_ERROR;
    (void)ingest_add(to, &c);
}

/* What the summary counts as failed, and no test says, has failed all the same; also where the
 * number is written as a text. */
static void ctrf_summary(struct ingest_cases *to, const json_t *results, uint64_t bad)
{
    const json_t *count = json_object_get(json_object_get(results, "summary"), "failed");
    double failed =
        json_is_string(count) ? strtod(json_string_value(count), NULL) : json_number_value(count);
    char message[120];
    const struct reports_test_case c = {.outcome = REPORTS_TEST_FAILED,
                                        .time_ns = REPORTS_TEST_NO_TIME,
                                        .name = "(the summary)",
                                        .message = message};

    if (!(failed > 0) || bad > 0)
        return;
    (void)snprintf(message, sizeof(message),
                   "the summary counts %.15g tests that failed, and none of them is there", failed);
    (void)ingest_add(to, &c);
}

void ingest_ctrf(struct ingest_source *from, struct ingest_cases *to)
{
    json_error_t error;
    json_t *document = json_load_callback(ctrf_take, from, 0, &error);
    const json_t *results = json_object_get(document, "results"),
                 *tests = json_object_get(results, "tests");
    uint64_t bad = 0;

    if (document == NULL) {
        ingest_broken(to, error.line > 0 ? (uint64_t)error.line : 0, "is no JSON: %s",
                      error.text[0] != '\0' ? error.text : "reading it takes too much memory");
        return;
    }
    if (!json_is_array(tests))
        ingest_broken(to, 0, "is no CTRF file: it has no list 'tests' in 'results'");
    for (size_t i = 0; json_is_array(tests) && i < json_array_size(tests) && to->why[0] == '\0';
         i++) {
        if (json_is_object(json_array_get(tests, i)))
            ctrf_test(to, json_array_get(tests, i), &bad);
        else
            ingest_broken(to, 0, "has something among its tests that is no test");
    }
    ctrf_summary(to, results, bad);
    json_decref(document);
}
